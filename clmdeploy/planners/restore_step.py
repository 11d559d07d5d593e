"""What the steps of a restore have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clmdeploy.changes.plan import Action, Step, Target, Undo
from clmdeploy.model.facts import HostFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue

DAY = 86400  # seconds: what lays a database or a tree down may take
SERVICE = 3600  # a server that stops writes all it has in memory
Arguments = dict[str, JsonValue]


def step(
    stage: str, name: str, title: str, action: Action, targets: Sequence[Target], undo: Undo, timeout: int,
    *, essential: bool = True, data: bool = True,
) -> Step:  # fmt: skip
    """With the data lease, as nearly all of a restore; what has no way back serves every host."""
    return Step(
        id=name, stage=stage, title=title, action=action, targets=tuple(targets), undo=undo, timeout=timeout,
        data=data, essential=essential, whole_fleet=undo == "irreversible",
    )  # fmt: skip


def target(host: Host, arguments: Arguments | None = None, before: Mapping[str, JsonValue] | None = None) -> Target:
    """The host itself, and what the act expects to find there."""
    return Target(host=host.name, subject=host.name, arguments=arguments or {}, before=dict(before or {}))


def member(facts: HostFacts, before: Arguments | None = None) -> Target:
    """A host that a release runs on, with its groups."""
    return target(facts.host, {"groups": list(facts.host.groups)}, before)
