"""Drift: what differs between the moment when a plan was made and now. Pure.

Refuses `apply`, warns `resume`, never stands in the way of `abort`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clmdeploy.changes.plan import Plan
from clmdeploy.model.bilingual import Bilingual, lines, russian
from clmdeploy.model.errors import HostUnreachable, InvalidInput
from clmdeploy.model.facts import FleetFacts, HostFacts
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.readiness import silence

INPUTS: Mapping[str, str] = {
    "release": Bilingual("the published release", "опубликованный релиз"),
    "settings": Bilingual("the settings (clm.yml)", "настройки (clm.yml)"),
    "hosts": Bilingual(
        "the hosts, how they are reached or their keys (hosts.yml, known_hosts)",
        "узлы, путь к ним или их ключи (hosts.yml, known_hosts)",
    ),
    "playbooks": Bilingual("the playbooks of this version of clmdeploy", "плейбуки этой версии clmdeploy"),
    "acts": Bilingual("the acts of this version of clmdeploy", "действия этой версии clmdeploy"),
}
COMMANDS: Mapping[str, str] = {"setup": "backup setup", "backup": "backup create", "expire": "backup expire"}
"""kind → command, of changes that are no rollout"""
NOTHING = Bilingual("nothing", "ничего")


def refuse_other_environment(plan: Plan, name: str, identity: str) -> None:
    """Raises InvalidInput unless the plan was made for the environment `name` whose UUID is `identity`."""
    if plan.environment != name:
        raise InvalidInput(
            Bilingual(
                f"this plan is for {plan.environment}, not {name}", f"план для {plan.environment}, а не для {name}"
            ),
            f"-e {plan.environment}",
        )
    if plan.environment_id != identity:
        raise InvalidInput(
            Bilingual(
                f"this plan is for another {name}: its UUID is {plan.environment_id}, not {identity}",
                f"план для другой среды {name}: её UUID {plan.environment_id}, а не {identity}",
            ),
            Bilingual("plan again here", "составьте план заново здесь"),
        )


def input_drift(plan: Plan, inputs: Mapping[str, str]) -> list[str]:
    """Inputs that are not what the plan was made from, in words. `inputs`: digests by name, as they are now."""
    names = sorted({*plan.inputs, *inputs})
    return [_changed(INPUTS.get(name, name)) for name in names if plan.inputs.get(name) != inputs.get(name)]


def fleet_drift(plan: Plan, fleet: FleetFacts) -> list[str]:
    """Hosts and schema that are not as the plan expects them, in words. Silent hosts are no drift."""
    expected: Mapping[str, JsonValue] = plan.expected
    members = {facts.host.name: facts for facts in fleet.hosts}
    planned: Mapping[str, str | None] = expected.get("hosts", {})
    found = [line for name, current in planned.items() for line in _host_drift(name, current, members.get(name))]
    found += _rotation_drift(expected.get("servers", {}), fleet)
    standing = fleet.schema_state.model_dump() if fleet.schema_state else None
    if standing != expected.get("schema") and not silent_hosts(fleet):
        found.append(_schema_drift(_schema(standing), _schema(expected.get("schema"))))
    return found


def silent_hosts(fleet: FleetFacts) -> list[HostFacts]:
    """Hosts that did not answer."""
    return [facts for facts in fleet.hosts if not facts.reachable]


def is_fulfilled(plan: Plan, fleet: FleetFacts) -> bool:
    """Whether every host of the plan runs its release already: applying it again is nothing to do."""
    planned = plan.expected.get("hosts", {})
    running = {facts.host.name: facts.current for facts in fleet.hosts if facts.reachable}
    return bool(planned) and all(running.get(name) == plan.to_release for name in planned)


def refuse_drift(plan: Plan, drifted: Sequence[str], fleet: FleetFacts) -> None:
    """Raises InvalidInput naming every difference, else HostUnreachable naming every host that did not answer."""
    if drifted:
        unfit = Bilingual(
            "the plan no longer fits what it was made for:", "план больше не соответствует действительности:"
        )
        command = f"clmdeploy {again(plan)} --plan-out"
        raise InvalidInput(
            lines([unfit, *(Bilingual(f"  {line}", f"  {russian(line)}") for line in drifted)]),
            Bilingual(f"plan again: {command} FILE", f"составьте план заново: {command} ФАЙЛ"),
        )
    silent = silent_hosts(fleet)
    if silent:
        raise HostUnreachable(
            lines(silence(facts) for facts in silent),
            Bilingual("bring them back, then apply the plan again", "верните их в строй, затем примените план ещё раз"),
        )


def again(plan: Plan) -> str:
    """The command that makes a plan like this one, for no other hosts."""
    if plan.kind in COMMANDS:
        return f"{COMMANDS[plan.kind]} -e {plan.environment}"
    version = release_version(plan)
    what = f"deploy {version}" if plan.kind == "deploy" else f"rollback --to {version}"
    return f"{what} -e {plan.environment}" + (f" --limit {','.join(plan.limit)}" if plan.limit else "")


def release_version(plan: Plan) -> str:
    """The version of the plan's release: its directory is VERSION-DIGEST8."""
    return (plan.to_release or "").rpartition("-")[0]


def _host_drift(name: str, expected: str | None, facts: HostFacts | None) -> Iterator[str]:
    if facts is None:
        yield Bilingual(f"{name}: hosts.yml has no such host any more", f"{name}: в hosts.yml такого узла больше нет")
    elif facts.reachable and facts.current != expected:
        now, wanted = facts.current or NOTHING, expected or NOTHING
        yield Bilingual(
            f"{name}: runs {now}, the plan expects {wanted}",
            f"{name}: работает {russian(now)}, план ожидает {russian(wanted)}",
        )


def _rotation_drift(planned: Mapping[str, str], fleet: FleetFacts) -> Iterator[str]:
    """A server that came into rotation since would be switched without being drained."""
    silent = {facts.host.name for facts in silent_hosts(fleet)}
    now = {server.name: server.state for server in fleet.servers}
    for name, state in planned.items():
        if now.get(name) != state and name.partition(":")[0] not in silent:
            found = now.get(name, _UNKNOWN)
            yield Bilingual(
                f"{name}: is {found}, the plan expects {state}", f"{name}: {russian(found)}, план ожидает {state}"
            )


_UNKNOWN = Bilingual("unknown to the balancer", "балансировщику неизвестен")


def _changed(what: str) -> str:
    return Bilingual(f"{what}: changed since the plan was made", f"{russian(what)}: не то, что при составлении плана")


def _schema_drift(found: str, expected: str) -> str:
    return Bilingual(
        f"schema: {found}, the plan expects {expected}",
        f"схема: {russian(found)}, план ожидает: {russian(expected)}",
    )


def _schema(state: JsonValue) -> str:
    if not state:
        return Bilingual("no schema", "схемы нет")
    dirty = " (dirty)" if state["dirty"] else ""
    return Bilingual(f"version {state['version']}{dirty}", f"версия {state['version']}{dirty}")
