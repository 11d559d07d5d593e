"""Where a restore ends: which point's backup is laid down, on which timeline, up to what. Pure.

A database that was restored to an earlier moment goes on upon a timeline of its own, and what was there before stays in
the archive. So "as of 14:00" means: what stood at 14:00, on the timeline that was followed then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clmdeploy.backups.pgbackrest_recovery import Target
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.target_words import (
    ahead_of_the_log,
    before_all,
    between_lines,
    dumps_only,
    no_point_fits,
)
from clmdeploy.backups.wal import Fork, position
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value


@dataclass(frozen=True)
class Lines:
    """What is known of the database's timelines."""

    live: int
    """the one that the database follows now, or followed last"""
    histories: Mapping[int, tuple[Fork, ...]] = field(default_factory=dict)
    """timeline → where it left those before it; without the live one's, only points of that very timeline serve"""
    begun: Mapping[int, datetime] = field(default_factory=dict)
    """timeline → when it was begun, by the journal of restores, or by when its history was stored"""
    end: datetime | None = None
    """until when the log reaches on the live one; None: nobody can tell"""


class Choice(Value):
    """What is restored. `files`: the point whose snapshots are put back, the same as `base` but after a dump."""

    base: RestorePoint
    files: RestorePoint
    target: Target
    at: datetime | None = None
    """the moment that was asked for; None: the point itself, or the end of the log"""

    @property
    def label(self) -> str:
        return self.base.database.label


def to_point(point: RestorePoint, *, log_kept: bool = True) -> Choice:
    """The point itself, by its name in the log: by LSN one record more would be applied (PostgreSQL stops after the
    record that begins there).

    A dump has no log: it is what it is. And of a point that was pinned alone the log may be gone from its backup's end
    on (`log_kept` False): that end is then the earliest, and the only moment to be had.
    """
    wal = point.database.wal
    if wal is None or not log_kept:
        return Choice(base=point, files=point, target=Target("immediate", None, point.database.timeline))
    return Choice(base=point, files=point, target=Target("name", wal.named.name, point.database.timeline))


def to_moment(points: Iterable[RestorePoint], at: datetime, lines: Lines) -> Choice:
    """The state between the last transaction that was committed at `at` or before, and the next one.

    Raises InvalidInput, naming what can be reached, when no point's log goes there.
    """
    known = sorted(points, key=lambda one: one.completed)
    timeline = _followed_at(known, at, lines)
    if timeline == lines.live and lines.end is not None and at > lines.end:
        raise InvalidInput(*ahead_of_the_log(at, _first(known), lines.end))
    fitting = [one for one in known if one.completed <= at and _leads_to(one, timeline, lines)]
    return _choice(fitting, Target("time", at, timeline), known, at)


def to_end(points: Iterable[RestorePoint], lines: Lines) -> Choice:
    """Everything that was archived on the live timeline. Raises InvalidInput without a point that leads there."""
    known = sorted(points, key=lambda one: one.completed)
    fitting = [one for one in known if _leads_to(one, lines.live, lines)]
    return _choice(fitting, Target("default", None, lines.live), known, None)


def _choice(
    fitting: Sequence[RestorePoint], target: Target, known: Sequence[RestorePoint], at: datetime | None
) -> Choice:
    logged = [one for one in fitting if one.database.wal is not None]
    if not logged and known and all(one.database.wal is None for one in known):
        raise InvalidInput(*dumps_only(known[-1].id))
    if not logged:
        first = _first(known)
        raise InvalidInput(*(before_all(at, first) if at is not None and first is not None else no_point_fits()))
    return Choice(base=logged[-1], files=fitting[-1], target=target, at=at)


def _first(known: Sequence[RestorePoint]) -> datetime | None:
    """The earliest moment that can be reached, whichever timeline was followed then."""
    return next((one.completed for one in known if one.database.wal is not None), None)


def _followed_at(known: Sequence[RestorePoint], at: datetime, lines: Lines) -> int:
    """The timeline of that moment: by what is known of it last before, where each one's beginning is known; else that
    of the points around it.
    """
    beginnings = [(begun, timeline) for timeline, begun in lines.begun.items() if begun <= at]
    made = [(one.completed, one.database.timeline) for one in known if one.completed <= at]
    missing = set(range(2, lines.live + 1)) - set(lines.begun)
    if not missing and (beginnings or made):
        return max([*beginnings, *made])[1]
    before = [one.database.timeline for one in known if one.completed <= at]
    after = [one.database.timeline for one in known if one.completed > at] or [lines.live]
    earlier, later = (before or after)[-1], after[0]
    if earlier == later or not before:
        return earlier
    begun = lines.begun.get(later)
    if begun is None:
        left = next((one.completed for one in reversed(known) if one.completed <= at), at)
        right = next((one.completed for one in known if one.completed > at), None)
        raise InvalidInput(*between_lines(at, left, right))
    return later if at >= begun else earlier


def _leads_to(point: RestorePoint, timeline: int, lines: Lines) -> bool:
    """Whether recovery from this point can follow `timeline`: it was made there, or before that one was left for it."""
    own, wal = point.database.timeline, point.database.wal
    if own == timeline:
        return True
    left = next((fork for fork in lines.histories.get(timeline, ()) if fork.timeline == own), None)
    return left is not None and wal is not None and position(wal.lsn_stop) <= position(left.lsn)
