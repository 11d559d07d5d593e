"""Expiry: from the verdicts of retention to the change that removes restore points. Pure.

The points are marked first, so that nobody rests on one whose bytes are being dropped; then each repository drops what
is said, and is listed again; then the points whose bytes are all gone are struck off. What a repository does not drop
(it can't be reached, somebody has locked it) stays marked, and the next expiry takes it up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.repositories import LogKept
from clmdeploy.backups.retention import Verdicts
from clmdeploy.changes.plan import EngineCall, Plan, Policy, Step, StoreCall, Target, Verdict
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.value import JsonValue

_DROPPING = 3600  # seconds for each backup that pgBackRest drops, as `backups.pgbackrest` has it
_LONGEST = 86400  # seconds that a step may take
_LISTING = 1200
_STORING = 900


@dataclass(frozen=True)
class Expiry:
    """What is to go, and what is known."""

    layout: Layout
    verdicts: Verdicts
    leaving: Mapping[str, RestorePoint]
    """those that `verdicts` lets go, by ID"""
    standing: Mapping[str, str | None]
    """ID → etag of what stood beside each of these when that was decided"""
    inputs: Mapping[str, str]
    going: tuple[RestorePoint, ...] = ()
    """their removal was begun before, and is not over"""
    surplus: Collection[str] = field(default_factory=frozenset)
    """repositories with log from before their oldest backup"""

    @property
    def host(self) -> str:
        return self.layout.parties.backup.name

    def dropped(self, engine: str) -> dict[str, list[str]]:
        """Repository → what it drops, in order."""
        found: dict[str, list[str]] = {}
        for holding in self.verdicts.drops.of(engine):
            found.setdefault(holding.repository, []).append(holding.name)
        return found

    @property
    def logs(self) -> tuple[LogKept, ...]:
        """Where log may have become needless: else every run would ask every repository for nothing."""
        due = {*self.dropped("pgbackrest"), *self.surplus}
        return tuple(one for one in self.verdicts.drops.logs if one.repository in due)

    @property
    def repositories(self) -> set[str]:
        """One that can't be reached is left out, and told; the others go on."""
        return {one.repository for one in self.verdicts.drops.holdings} | {one.repository for one in self.logs}

    @property
    def waiting(self) -> dict[str, list[str]]:
        """Point → what is still to be dropped before it can be struck off."""
        drops = set(self.verdicts.drops.holdings)
        points = (*self.leaving.values(), *self.going)
        return {point.id: sorted(str(one) for one in point.own if one in drops) for point in points}


def plan_expire(wish: Expiry) -> Plan:
    """The plan; without steps where nothing is to go."""
    settings, count = wish.layout.settings, len(wish.waiting)
    return Plan(
        kind="expire", environment=settings.name, environment_id=settings.uuid, application=settings.application,
        title=f"Remove {count} restore point{'' if count == 1 else 's'} of {settings.name}",
        inputs=dict(wish.inputs), hosts=wish.layout.parties.all[:1], steps=tuple(_steps(wish)),
        policy=Policy(on_failure="tolerate", tolerate=max(1, len(wish.repositories))),
        verdict=Verdict(kind="safe", reason=_WAY_BACK), expected={"points": sorted(wish.waiting)},
    )  # fmt: skip


_WAY_BACK = Bilingual(
    "until the first drop the points can be taken back; what has been dropped is gone",
    "до первого удаления точки можно вернуть; удалённого не вернуть",
)


def _steps(wish: Expiry) -> Iterator[Step]:
    if not (wish.waiting or wish.verdicts.drops.holdings or wish.logs):
        return
    drops = [*_files(wish), *_database(wish), *_dumps(wish)]
    if wish.leaving:
        yield _storing(wish, "begin", "Mark the points as leaving", "begin-removal", points=dict(wish.standing))
    yield from drops
    yield from _logs(wish)
    if wish.waiting:
        used = tuple(step.id for step in drops)
        yield _storing(wish, "finish", "Strike the points off", "finish-removal", uses=used, points=wish.waiting)
    yield _storing(wish, "index", "Write the index of points anew", "reindex")


def _storing(wish: Expiry, step: str, title: str, act: str, uses: tuple[str, ...] = (), **arguments: JsonValue) -> Step:
    begins = step == "begin"
    return Step(
        id=step, stage="mark" if begins else "strike-off", title=title, undo="restore" if begins else "nothing",
        action=StoreCall(act=act, arguments=arguments, uses=uses), timeout=_STORING, whole_fleet=True,
        essential=step != "index", targets=(Target(host=wish.host, subject=wish.host),),
    )  # fmt: skip


def _files(wish: Expiry) -> Iterator[Step]:
    layout, found = wish.layout, wish.dropped("restic")
    authority = layout.storage_ca("/etc/clm-backup")
    if found:
        targets = tuple(
            _target(wish, name, address=layout.stored_repository_of(name), authority=authority, snapshots=snapshots)
            for name, snapshots in sorted(found.items())
        )
        yield _working("files", "Drop snapshots of files", "restic-expire", targets, _LONGEST)


def _database(wish: Expiry) -> Iterator[Step]:
    found = wish.dropped("pgbackrest")
    if found:
        targets = tuple(_target(wish, name, stanza=name, labels=labels) for name, labels in sorted(found.items()))
        most = max(map(len, found.values()))
        yield _working("database", "Drop backups of the database", "pgbackrest-expire", targets, _DROPPING * most)


def _dumps(wish: Expiry) -> Iterator[Step]:
    found = wish.dropped("pgdump")
    if found:
        store = wish.layout.dump_store
        targets = tuple(_target(wish, name, store=store, labels=labels) for name, labels in sorted(found.items()))
        yield _working("dumps", "Drop dumps of the database", "pgdump-expire", targets, _LONGEST)


def _logs(wish: Expiry) -> Iterator[Step]:
    """The repository is listed anew between: how much log is kept is counted in the full backups that are left."""
    if not wish.logs:
        return
    kept = {one.repository: one for one in wish.logs}
    names = tuple(_target(wish, name, stanza=name) for name in sorted(kept))
    listing = EngineCall(act="pgbackrest-list", arguments={"brief": True})
    yield Step(
        id="listed", stage="log", title="List what is left", action=listing, targets=names, undo="nothing",
        timeout=_LISTING,
    )  # fmt: skip
    targets = tuple(
        _target(wish, name, stanza=name, full=one.full, oldest=one.oldest) for name, one in sorted(kept.items())
    )
    yield _working("log", "Drop log that no point needs", "pgbackrest-expire-wal", targets, _DROPPING * 2, ("listed",))


def _working(
    step: str, title: str, act: str, targets: tuple[Target, ...], timeout: int, uses: tuple[str, ...] = ()
) -> Step:
    return Step(
        id=step, stage="log" if uses else "drop", title=title, action=EngineCall(act=act, uses=uses), targets=targets,
        undo="irreversible", timeout=min(_LONGEST, timeout),
    )  # fmt: skip


def _target(wish: Expiry, repository: str, **arguments: JsonValue) -> Target:
    """On the backup host, about one repository: one that fails is left out alone."""
    return Target(host=wish.host, subject=repository, arguments={"repository": repository, **arguments})
