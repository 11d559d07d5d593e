"""From what the ledgers say of objects to what that means for restore points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.damages import Found, Owners, host_of
from clmdeploy.backups.marks import Mark
from clmdeploy.backups.parts import Part, segment_of
from clmdeploy.backups.pgbackrest_info import StanzaInfo
from clmdeploy.backups.point import Holding, RestorePoint
from clmdeploy.backups.spoiling import Log, lost, spoiled, verified
from clmdeploy.backups.verification import Reading
from clmdeploy.backups.wal import Segment, is_segment
from clmdeploy.queries.engine_words import EngineWords
from clmdeploy.queries.inventory import Inventory, Needs
from clmdeploy.queries.part_work import PartWork
from clmdeploy.queries.verification_report import Report, Trouble
from clmdeploy.queries.verification_scope import Scope

_KEPT_TWICE = (".info", "/backup.manifest")
_TOLD = (0, 2)  # states of a stanza in which its list of backups is one: well, none yet
MOVING = 4  # newest segments of log that may still be on their way, in any order


@dataclass(frozen=True)
class Verdicts:
    """At the end of a run, whole or not."""

    scope: Scope
    works: Mapping[Part, PartWork]
    inventory: Inventory
    info: StanzaInfo | None
    engines: EngineWords

    def report(self, report: Report) -> Report:
        """Filled in with everything that is wrong, and with what it spoils."""
        bad = spoiled(
            self.scope.judged, [one.damage for one in self.found if one.damage], self.logs, self.scope.standalone
        )
        sound = [point for point in self.scope.judged if point.id not in bad]
        return report.model_copy(
            update={
                "troubles": tuple(Trouble.of(one) for one in self.found),
                "gaps": tuple(self._gaps()) if self.scope.chosen is None else (),
                "spoiled": bad,
                "verified": {point.id: self._verified(point) for point in sound},
            }
        )

    @cached_property
    def logs(self) -> tuple[Log, ...]:
        return self.inventory.logs(self.info, self.scope.points)

    @cached_property
    def found(self) -> tuple[Found, ...]:
        """Every object that is not as it was stored."""
        owners = Owners(self.scope.layout, self.scope.points, self._sound_copies)
        found = [
            owners.found(work.part, one, self._narrowed(work.part, one))
            for work in self.works.values() for one in work.unsound
        ]  # fmt: skip
        return (*found, *self._broken_pages(owners), *self._unlisted(owners), *self._doubled(owners))

    @property
    def _sound_copies(self) -> frozenset[str]:
        """Keys of files that an engine keeps twice, where they are sound."""
        return frozenset(
            one.key for work in self.works.values() if work.part.kind in ("info", "backup")
            for one in work.kept.ledger.readings if one.is_sound and one.key.removesuffix(".copy").endswith(_KEPT_TWICE)
        )  # fmt: skip

    def _narrowed(self, part: Part, one: Reading) -> tuple[str, ...] | None:
        """Which snapshots a pack has to do with; None where that is told by its key."""
        if part.kind != "packs":
            return None
        return self.engines.snapshots_of(part.repository, one.key.rsplit("/", 1)[-1])

    def _broken_pages(self, owners: Owners) -> Iterator[Found]:
        for backup in self.info.backups if self.info else ():
            part = Part("backup", self.scope.layout.stanza, backup.label)
            if backup.is_spoiled and part in self.works:
                key = self.scope.layout.backup_key(backup.label, "backup.manifest")
                yield owners.found(part, self._read(part, f"{key}#pages", words.BROKEN_PAGES))

    def _unlisted(self, owners: Owners) -> Iterator[Found]:
        """Backups that are there and sound, and that pgBackRest knows nothing of (any more)."""
        if self.info is None or self.info.status.code not in _TOLD:
            return
        layout = self.scope.layout
        for label in sorted(Needs(layout, self.scope.judged).labels.difference(one.label for one in self.info.backups)):
            part, (key, _) = Part("backup", layout.stanza, label), layout.info_keys()[0]
            if part in self.works:
                yield owners.found(part, self._read(part, f"{key}#{label}", words.NOT_LISTED))

    def _doubled(self, owners: Owners) -> Iterator[Found]:
        """Segments of which two objects tell unequal things, each sound in itself: pgBackRest takes neither."""
        for work in self.works.values():
            first: dict[str, tuple[str, str]] = {}
            for key in sorted(one.key for one in work.present if work.part.kind == "log"):
                stored = segment_of(key)
                if stored is not None and not stored.partial:
                    sha1, other = first.setdefault(stored.segment, (stored.sha1, key))
                    if sha1 != stored.sha1:
                        yield owners.found(work.part, self._read(work.part, key, words.two_of_one(other)))

    def _read(self, part: Part, key: str, cause: str) -> Reading:
        at = self.works[part].terms.now
        return Reading(key=key, size=0, sha256="", etag="", at=at, result="damaged", cause=cause)

    def _gaps(self) -> Iterator[str]:
        """Holes in the log behind the oldest point from which any later moment is to be reached."""
        reaching = [point.database for point in self.scope.points if point.id not in self.scope.standalone]
        for log in self.logs:
            spans = [one.wal for one in reaching if one.wal is not None and one.system_id == log.system_id]
            names = [name for name in log.segments if is_segment(name)]
            if spans and names:
                size, oldest = spans[0].segment_size, min(span.start for span in spans)
                newest = max(Segment.named(name, size) for name in names)
                arrived = max(span.until.number for span in spans)  # a point was made when all of its log was there
                moving = max(0, min(MOVING, newest.number - arrived))
                yield from (str(gap) for gap in lost(log, size, newest.name, moving) if gap.last.name > oldest)

    def _verified(self, point: RestorePoint) -> datetime | None:
        """When all of it was read back well, its log included."""
        read = {holding: at for holding in point.needs if (at := self._read_at(holding)) is not None}
        whole = verified(point, read)
        if whole is None or point.database.wal is None:
            return whole
        needs = Needs(self.scope.layout, (point,))
        log = self._oldest(work for work in self.works.values() if work.part.kind == "log" and needs.covers(work.part))
        return min(whole, log) if log else None

    def _read_at(self, holding: Holding) -> datetime | None:
        return self._oldest(work for work in self.works.values() if _is_of(work.part, holding))

    def _oldest(self, works: Iterable[PartWork]) -> datetime | None:
        """None when one of them is not whole, or there is none. What nothing is restored from does not count, nor the
        history of a timeline: its own points are spoiled, and are not asked about."""
        harmless = {one.reading.key for one in self.found if one.damage is None or one.damage.timeline}
        found = [(work.is_read(harmless), work.oldest) for work in works]
        times = [at for is_read, at in found if is_read and at is not None]
        return min(times) if times and len(times) == len(found) else None


def _is_of(part: Part, holding: Holding) -> bool:
    """Whether a backup or snapshot can't be restored without this part."""
    match holding.engine:
        case "pgbackrest":
            return part.kind == "info" or (part.kind == "backup" and part.name == holding.name)
        case "restic":
            return part.engine == "restic" and part.repository == host_of(holding.repository)
    return part.kind == "dump" and part.name == holding.name


def marks_of(report: Report, now: datetime) -> list[Mark]:
    """What is to be noted on points: a run that was stopped takes away no mark that an earlier one gave."""
    bad = [Mark(point=name, at=now, faults=causes) for name, causes in report.spoiled.items()]
    return bad + [
        Mark(point=name, at=now, verified=at)
        for name, at in report.verified.items()
        if at is not None or not report.left
    ]
