"""Asks hosts and balancers what is true of them now. Host truth wins over every record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.facts import Claim, FleetFacts, HostFacts, SchemaState, ServerFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue

TIMEOUT = 60


def gather_fleet(
    performer: Performer,
    environment: LoadedEnvironment,
    groups: Iterable[str],
    *,
    only: Sequence[str] = (),
    probe: bool = False,
) -> FleetFacts:
    """Facts of every host in `groups` and of the balancers' servers.

    `only`: no other members are asked, where it names any. `probe`: services are asked how they are. The schema version
    comes from the group that the running release names for it: its hook knows the way to the database.
    """
    wanted = set(groups)
    members = [host for host in environment.hosts if wanted & set(host.groups) and (not only or host.name in only)]
    asks = [_facts_ask(environment, host, probe=probe) for host in members]
    asks += balance_asks(environment)
    outcomes = performer.perform(asks, lambda _key, _outcome: None)
    facts = tuple(_host_facts(host, outcomes[host.name]) for host in members)
    balancers = [ask.host for ask in asks if ask.act == "balance"]
    return FleetFacts(
        hosts=facts + tuple(_balancer_facts(host, outcomes[_key(host)]) for host in balancers if host not in members),
        servers=tuple(server for host in balancers for server in _servers(host, outcomes[_key(host)])),
    )


def gather_around(
    performer: Performer,
    environment: LoadedEnvironment,
    groups: Iterable[str],
    members: Sequence[str],
    *,
    probe: bool = False,
) -> FleetFacts:
    """The fleet as a plan for `members` needs it (empty: for all).

    Everybody is asked, because the schema is everybody's; only members and balancers must answer.
    """
    fleet = gather_fleet(performer, environment, groups, probe=probe)
    needed = {*members, *(ask.host.name for ask in balance_asks(environment))}
    told = tuple(facts for facts in fleet.hosts if facts.reachable or not members or facts.host.name in needed)
    return fleet.model_copy(update={"hosts": told})


def _facts_ask(environment: LoadedEnvironment, host: Host, *, probe: bool) -> Guarded:
    install = environment.settings.install
    arguments: dict[str, JsonValue] = {
        "root": install.root, "user": install.user, "groups": list(host.groups), "probe": probe,
    }  # fmt: skip
    return _ask(environment, host.name, host, "facts", arguments)


def balance_asks(environment: LoadedEnvironment) -> list[Guarded]:
    """One question for each balancer: how its servers stand."""
    balancer = environment.settings.balancer
    if balancer is None:
        return []
    servers = [
        {"backend": backend, "server": host.name}
        for group, backend in sorted(balancer.backends.items())
        for host in environment.group(group)
    ]
    arguments: dict[str, JsonValue] = {"socket": balancer.socket, "servers": servers}
    return [_ask(environment, _key(host), host, "balance", arguments) for host in environment.group(balancer.group)]


def _key(host: Host) -> str:
    return f"balance@{host.name}"


def _ask(environment: LoadedEnvironment, key: str, host: Host, act: str, arguments: dict[str, JsonValue]) -> Guarded:
    return Guarded(
        key=key, host=host, environment=environment.settings.uuid, guard="ask", act=act, verb="ask",
        timeout=TIMEOUT, arguments=arguments,
    )  # fmt: skip


def _host_facts(host: Host, outcome: Outcome) -> HostFacts:
    if not outcome.is_done:
        message = outcome.message if host.name in outcome.message else outcome.complaint(host.name)
        return HostFacts(host=host, reachable=False, message=message)
    found = outcome.result
    record, manifest = found["record"], found.get("manifest") or {}
    return HostFacts(
        host=host, reachable=True, current=found["current"], recorded=record["current"],
        ledger=tuple(record["ledger"] or ()),
        staged=tuple(found["staged"]), version=manifest.get("version"), manifest_schema=manifest.get("schema"),
        schema_state=_schema_state(found.get("schema")), schema_fault=found.get("schema_fault", ""),
        message=found.get("fault", ""),
        drained=record["drained"] or {}, stopped=found.get("stopped") or {}, disk_free=found["disk_free"],
        inodes_free=found["inodes_free"], memory=found["memory"], os=found["os"], python=found["python"],
        clock=found["clock"],
        services=tuple(found.get("services") or ()), token=found.get("tokens", {}).get("fleet", 0),
        claim=Claim.told(found["claim"]) if found.get("claim") else None,
        acting=tuple(found.get("acting", ())),
    )  # fmt: skip


def _schema_state(found: Mapping[str, JsonValue] | None) -> SchemaState | None:
    return SchemaState.model_validate(found) if found else None


def _balancer_facts(host: Host, outcome: Outcome) -> HostFacts:
    if outcome.is_done:
        found = outcome.result
        claim = Claim.told(found["claim"]) if found.get("claim") else None
        return HostFacts(host=host, reachable=True, token=found.get("tokens", {}).get("fleet", 0), claim=claim)
    return HostFacts(host=host, reachable=False, message=outcome.complaint(host.name))


def _servers(host: Host, outcome: Outcome) -> Iterator[ServerFacts]:
    found: Mapping[str, JsonValue] = outcome.result.get("servers", {}) if outcome.is_done else {}
    for name, state in sorted(found.items()):
        backend, server = name.split("/", 1)
        yield ServerFacts(balancer=host.name, backend=backend, server=server, **state)
