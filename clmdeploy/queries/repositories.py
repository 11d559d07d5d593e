"""What the engines' repositories hold, by their own listings: asked on the backup host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clmdeploy.backups.layout import BACKUP, Layout
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.repositories import Listed
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.model.value import JsonValue

PATIENCE = 600  # seconds for one repository


@dataclass(frozen=True)
class Holdings:
    """All repositories that restore points name."""

    listed: tuple[Listed, ...] = ()
    surplus: frozenset[str] = frozenset()
    """those with log from before their oldest backup"""
    running: tuple[str, ...] = ()
    """those in which an engine is at work now"""
    faults: tuple[str, ...] = ()
    """what could not be listed, in words"""


def holdings(engines: Performer, layout: Layout, points: Iterable[RestorePoint]) -> Holdings:
    """Every repository that one of the points has something in. One that can't be listed is told."""
    acts = list(_asks(layout, _named(points)))
    found = engines.perform(acts, lambda _key, _outcome: None)
    good = {key: one.result for key, one in found.items() if one.is_done}
    return Holdings(
        listed=tuple(Listed.model_validate(one) for result in good.values() for one in result["listed"]),
        surplus=frozenset(_repository(key) for key, result in good.items() if result.get("surplus")),
        running=tuple(_repository(key) for key, result in good.items() if result.get("running")),
        faults=tuple(_fault(key, one) for key, one in found.items() if not one.is_done),
    )


def _named(points: Iterable[RestorePoint]) -> dict[str, set[str]]:
    """Engine → repositories."""
    found: dict[str, set[str]] = {}
    for point in points:
        for holding in point.own:
            found.setdefault(holding.engine, set()).add(holding.repository)
    return found


def _asks(layout: Layout, named: dict[str, set[str]]) -> Iterable[Guarded]:
    authority = layout.storage_ca(BACKUP)
    for name in sorted(named.get("pgbackrest", ())):
        yield _ask(layout, f"pgbackrest {name}", "pgbackrest-list", {"stanza": name})
    for name in sorted(named.get("pgdump", ())):
        yield _ask(layout, f"pgdump {name}", "pgdump-list", {"repository": name, "store": layout.dump_store})
    for name in sorted(named.get("restic", ())):
        address = layout.stored_repository_of(name)
        arguments = {"repository": name, "address": address, "authority": authority}
        yield _ask(layout, f"restic {name}", "restic-list", arguments)


def _ask(layout: Layout, key: str, act: str, arguments: dict[str, JsonValue]) -> Guarded:
    return Guarded(
        key=key, host=layout.parties.backup, environment=layout.settings.uuid, guard="ask", act=act, verb="ask",
        timeout=PATIENCE, arguments=arguments,
    )  # fmt: skip


def _repository(key: str) -> str:
    return key.partition(" ")[2]


def _fault(key: str, outcome: Outcome) -> str:
    return outcome.complaint(key)
