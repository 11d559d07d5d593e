"""The tokens that hosts have seen: they listen to none that is older."""

from __future__ import annotations

from clmdeploy.changes.claims import GAP
from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.queries.fleet import balance_asks
from clmdeploy.queries.hosts import release_hosts


def newest_seen(performer: Performer, environment: LoadedEnvironment) -> int:
    """At least the newest token of the fleet lease that any host has seen. Raises HostUnreachable when all are silent.

    A silent host may have seen a claim that is newer than what the others tell.
    """
    hosts = {host.name: host for host in release_hosts(environment)}
    hosts |= {ask.host.name: ask.host for ask in balance_asks(environment)}
    asks = [
        Guarded(key=name, host=host, environment=environment.settings.uuid, guard="ask", act="tokens", verb="ask")
        for name, host in hosts.items()
    ]
    outcomes = performer.perform(asks, lambda _key, _outcome: None)
    silent = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
    told = [int(outcome.result["tokens"].get("fleet", 0)) for outcome in outcomes.values() if outcome.is_done]
    if not told:
        raise HostUnreachable(
            lines(silent), Bilingual("bring one of them back first", "сначала верните в строй хотя бы один из них")
        )
    return max(told) + (2 * GAP if silent else 0)
