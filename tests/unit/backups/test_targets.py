"""Where a restore ends: which point, which timeline, up to what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from clmdeploy.backups.archive_reach import ArchiveFacts
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.targets import Lines, to_end, to_moment, to_point
from clmdeploy.backups.wal import Fork, Segment
from clmdeploy.model.errors import InvalidInput

from .conftest import make_point

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def hour(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def made(hours: float, timeline: int = 1, lsn: int = 0) -> RestorePoint:
    """A point that was completed `hours` after noon, `lsn` MiB into the log, on that timeline."""
    document = make_point(hour(hours)).model_dump(mode="json")
    document["completed"] = hour(hours).isoformat()
    place = (lsn or int(hours * 64)) * 1024**2 + 40
    spelled = f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"
    segment = Segment.ending_at(timeline, spelled).name
    document["database"] |= {"timeline": timeline}
    document["database"]["wal"] |= {
        "start": segment, "stop": segment, "lsn_start": spelled, "lsn_stop": spelled,
        "named": {"name": f"clm-{document['id']}", "lsn": spelled},
    }  # fmt: skip
    return RestorePoint.model_validate(document)


def dump(hours: float) -> RestorePoint:
    document = made(hours).model_dump(mode="json")
    document["database"] |= {"engine": "pgdump", "type": "dump", "wal": None, "digest": "d" * 64}
    return RestorePoint.model_validate(document)


def test_a_point_is_reached_by_its_name_on_its_own_timeline() -> None:
    """By LSN one record more would be applied; the latest timeline may be that of a later restore."""
    point = made(1, timeline=3)
    arguments = to_point(point).target.arguments()
    assert arguments == ("--type=name", f"--target=clm-{point.id}", "--target-action=promote", "--target-timeline=3")


def test_without_the_log_behind_its_backup_a_point_is_the_end_of_that_backup() -> None:
    """As with one that was pinned alone, once the rest of the log has gone; and no more of the log is asked for."""
    choice = to_point(made(1), log_kept=False)
    assert choice.target.arguments() == ("--type=immediate", "--target-action=promote")
    assert ArchiveFacts().until(choice) == choice.base.database.wal.stop  # type: ignore[union-attr]


def test_a_dump_is_what_it_is() -> None:
    """It has no log: the point itself is all that can be reached, and every moment is refused by that name."""
    assert to_point(dump(1)).base == dump(1)
    for refused in (lambda: to_moment([dump(1)], hour(2), Lines(1)), lambda: to_end([dump(1)], Lines(1))):
        with pytest.raises(InvalidInput, match="no point in time"):
            refused()


# One line: points at 1 h and 3 h. A restore at 5 h to the point of 1 h began timeline 2, a point at 6 h is on it.
FIRST, SECOND, ASIDE, AFTER = made(1), made(3), made(4.9), made(6, timeline=2, lsn=80)
ALL = (FIRST, SECOND, ASIDE, AFTER)
FORKED = Lines(live=2, histories={2: (Fork(1, "0/4000028"),)}, begun={2: hour(5)})


@pytest.mark.parametrize(
    ("points", "at", "lines", "base", "timeline"),
    [
        ((FIRST, SECOND), 2, Lines(1), FIRST, 1),
        ((FIRST, SECOND), 3, Lines(1), SECOND, 1),
        ((SECOND, FIRST), 99, Lines(1), SECOND, 1),
        ((FIRST, SECOND, dump(3.5)), 4, Lines(1), SECOND, 1),
        (ALL, 2, FORKED, FIRST, 1),
        (ALL, 4, FORKED, SECOND, 1),
        (ALL, 4.95, FORKED, ASIDE, 1),
        (ALL, 5, FORKED, FIRST, 2),
        (ALL, 5.5, FORKED, FIRST, 2),
        (ALL, 7, FORKED, AFTER, 2),
        ((FIRST, SECOND), 5.5, FORKED, FIRST, 2),
        (ALL, 5.5, Lines(2, {2: (Fork(1, "0/FFFFFFF0"),)}, {2: hour(5)}), ASIDE, 2),
    ],
)
def test_a_moment_is_sought_on_the_timeline_that_was_followed_then(
    points: Sequence[RestorePoint], at: float, lines: Lines, base: RestorePoint, timeline: int
) -> None:
    """The newest point that was complete by then, and made before the timelines parted."""
    choice = to_moment(points, hour(at), lines)
    assert (choice.base, choice.target.timeline, choice.at) == (base, timeline, hour(at))
    assert choice.files.completed <= hour(at)


def test_files_come_from_the_newest_point_even_where_its_database_is_a_dump() -> None:
    """A dump's files are as good as any other's."""
    newest = dump(3.5)
    choice = to_moment((FIRST, SECOND, newest), hour(4), Lines(1))
    assert (choice.base, choice.files) == (SECOND, newest)


@pytest.mark.parametrize(
    ("points", "at", "lines", "words"),
    [
        ((), 2, Lines(1), "no restore point leads there"),
        ((FIRST, SECOND), 0.5, Lines(1), "the earliest moment is 2026-01-05T13:00:00Z"),
        ((dump(1),), 2, Lines(1), "hold dumps of the database: no point in time"),
        (
            (FIRST, SECOND), 4, Lines(1, end=hour(3.5)),
            "ends with the transaction of 2026-01-05T15:30:00Z.*from 2026-01-05T13:00:00Z to 2026-01-05T15:30:00Z",
        ),
        (ALL, 5.5, Lines(2, FORKED.histories), "nobody wrote down when"),
        (ALL, 5.5, Lines(2, {}, {2: hour(5)}), "the earliest moment"),
    ],
)  # fmt: skip
def test_a_moment_that_no_log_leads_to_is_refused(
    points: Sequence[RestorePoint], at: float, lines: Lines, words: str
) -> None:
    """And what can be reached is named."""
    with pytest.raises(InvalidInput, match=words):
        to_moment(points, hour(at), lines)


def test_the_end_of_the_log_is_that_of_the_live_timeline() -> None:
    """All that was archived since the newest point which leads there."""
    choice = to_end(ALL, FORKED)
    assert (choice.base, choice.target.arguments()) == (AFTER, ("--type=default", "--target-timeline=2"))
    with pytest.raises(InvalidInput, match="no restore point"):
        to_end((), FORKED)
