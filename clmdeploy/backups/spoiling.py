"""Which restore points a damaged or missing object spoils, by what stands on what. Pure.

The engines don't tell: pgBackRest's verify counts a missing segment as no error, and a damaged bundle only against the
backup that wrote it, not against those that reference it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.point import DatabasePart, Holding, RestorePoint, StoredName
from clmdeploy.backups.wal import Fork, Gap, Segment, gaps, holes, is_segment, needed
from clmdeploy.model.value import Text, Value


class Damage(Value):
    """One object that is not as it was stored, and what it belongs to."""

    engine: Literal["pgbackrest", "pgdump", "restic"]
    repository: str
    key: str
    cause: Text
    names: tuple[StoredName, ...] = Field(
        (), description="backups or snapshots that have it; empty: not known, so all of the repository"
    )
    segment: str = Field("", description="when it is a segment of log")
    timeline: int = Field(0, ge=0, description="when it tells where this timeline comes from")

    def hits(self, holding: Holding) -> bool:
        """Whether this backup or snapshot can't be trusted any more."""
        same = (self.engine, self.repository) == (holding.engine, holding.repository)
        return same and not self.segment and not self.timeline and (not self.names or holding.name in self.names)


class Log(Value):
    """The log in one repository: names of the segments that are there, and how timelines came from each other."""

    repository: str
    system_id: str
    segments: frozenset[str]
    histories: dict[int, tuple[Fork, ...]] = {}


def spoiled(
    points: Iterable[RestorePoint], damages: Iterable[Damage], logs: Iterable[Log], standalone: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Point → everything that makes it worthless, in words; sound points are not in it.

    `standalone`: points of which only the log that makes the backup consistent is kept. A repository without a `Log`
    counts as one without any: what was not looked at is not called sound.
    """
    found = list(damages)
    segments = {(log.repository, log.system_id): log.segments for log in logs}
    causes: dict[str, tuple[str, ...]] = {}
    for point in points:
        there = segments.get((point.database.repository, point.database.system_id), frozenset())
        wanted = tuple(_wanted(point.database, point.id in standalone))
        causes[point.id] = (*_by_objects(point, found), *_by_log(point.database, wanted, there, found))
    return {point_id: why for point_id, why in causes.items() if why}


def verified(point: RestorePoint, read: Mapping[Holding, datetime]) -> datetime | None:
    """When all of the point was last read back: the oldest of its parts. None when one of them never was.

    `read`: for each backup or snapshot, when the object of it that was read longest ago was read well.
    """
    times = [read.get(holding) for holding in point.needs]
    known = [time for time in times if time is not None]
    return min(known) if len(known) == len(times) else None


def lost(log: Log, size: int, archived: str, in_flight: int = 0) -> tuple[Gap, ...]:
    """Holes in the log that time does not fill. `archived`: the newest segment that the server calls stored.

    Segments come in parallel, so a hole among the `in_flight` newest may still be filled.
    """
    newest = Segment.named(archived, size)
    names = [name for name in log.segments if is_segment(name)]
    if not any(Segment.named(name, size).timeline == newest.timeline for name in names):
        return (*holes(names, size), *(() if in_flight else (Gap(newest, newest),)))
    behind = Segment(newest.timeline, newest.number + 1, size).name  # makes an end of what is called stored
    last = Segment(newest.timeline, newest.number - in_flight, size)
    return tuple(_ended(gap, last) for gap in holes({*names, behind}, size) if not _may_fill(gap, last))


def _may_fill(gap: Gap, last: Segment) -> bool:
    return gap.first.timeline == last.timeline and gap.first.number > last.number


def _ended(gap: Gap, last: Segment) -> Gap:
    return Gap(gap.first, min(gap.last, last)) if gap.first.timeline == last.timeline else gap


def _wanted(part: DatabasePart, standalone: bool) -> Iterator[Segment]:
    """The log from the start of the backup to the named point, or to where the backup is consistent."""
    if part.wal is not None:
        stop = Segment.named(part.wal.stop, part.wal.segment_size)
        yield from needed(Segment.named(part.wal.start, part.wal.segment_size), stop if standalone else part.wal.until)


def _by_objects(point: RestorePoint, damages: Iterable[Damage]) -> Iterator[str]:
    for damage in damages:
        for holding in point.needs:
            if damage.hits(holding):
                yield words.part_spoiled(str(holding), damage.key, damage.cause)


def _by_log(
    part: DatabasePart, wanted: Collection[Segment], there: Collection[str], damages: Iterable[Damage]
) -> Iterator[str]:
    for gap in gaps(wanted, there):
        yield words.log_lacks(str(gap))
    names = {segment.name for segment in wanted}
    for damage in damages:
        if damage.repository == part.repository and damage.segment in names:
            yield words.log_damaged(damage.segment, damage.cause)
        if damage.timeline == part.timeline and (damage.engine, damage.repository) == (part.engine, part.repository):
            yield words.history_damaged(damage.timeline, damage.key, damage.cause)
