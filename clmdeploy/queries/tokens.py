"""The tokens that hosts have seen: they listen to none that is older."""

from __future__ import annotations

from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.queries.fleet import balance_asks
from clmdeploy.queries.hosts import release_hosts


def newest_seen(performer: Performer, environment: LoadedEnvironment) -> int:
    """The newest token of the fleet lease on any host. Raises HostUnreachable: a silent host may know a newer one."""
    hosts = {host.name: host for host in release_hosts(environment)}
    hosts |= {ask.host.name: ask.host for ask in balance_asks(environment)}
    asks = [
        Guarded(key=name, host=host, environment=environment.settings.uuid, guard="ask", act="tokens", verb="ask")
        for name, host in hosts.items()
    ]
    outcomes = performer.perform(asks, lambda _key, _outcome: None)
    silent = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
    if silent:
        raise HostUnreachable("\n".join(silent), "bring them back first: one of them may have seen the newest token")
    return max(int(outcome.result["tokens"].get("fleet", 0)) for outcome in outcomes.values())
