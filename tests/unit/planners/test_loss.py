"""What a restore loses is counted where it can be, and else it is said why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clmdeploy.backups.point import Counters, RestorePoint
from clmdeploy.backups.table_name import TableName
from clmdeploy.backups.targets import Lines, to_end, to_moment, to_point
from clmdeploy.planners.loss import Written, loss_of
from clmdeploy.planners.restore_wish import Scope

from .test_restore import DB1, cluster, point, wanting

AT = datetime(2026, 1, 5, 1, 2, 40, tzinfo=UTC)
NOW = AT + timedelta(hours=2)


def counted(inserted: int = 10, updated: int = 5, deleted: int = 1, statistics: str = "-/1.5", **more: Any) -> Counters:
    return Counters(inserted=inserted, updated=updated, deleted=deleted, statistics=statistics, **more)


def made(counters: Counters) -> RestorePoint:
    whole = point()
    return whole.model_copy(update={"database": whole.database.model_copy(update={"counters": counters})})


BEFORE = made(counted(at=AT))
SYSTEM = BEFORE.database.system_id


def stands(**more: Any) -> Any:
    now = {"counters": counted(15, 9, 1, at=NOW + timedelta(seconds=5)), "system_id": SYSTEM} | more
    return (cluster(DB1, **now),)


def test_rows_and_seconds_since_are_told() -> None:
    """Both by the database server itself: its clock, its counters."""
    loss = loss_of(wanting(made=BEFORE, clusters=stands()), NOW)
    assert loss is not None
    assert (loss.since, loss.seconds, loss.counted_from) == (AT, 7205, None)
    assert loss.written == Written(inserted=5, updated=4, deleted=0)
    assert loss.written.total == 9


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (BEFORE, {"counters": None, "fault": "gone"}, "can't be read: gone"),
        (BEFORE, {"timeline": 2}, "restored, or a standby promoted"),
        (BEFORE, {"system_id": "1"}, "restored, or a standby promoted"),
        (BEFORE, {"counters": counted(99, 99, 99, statistics="-/2.5")}, "count anew"),
        (BEFORE, {"counters": counted(9, 99, 99)}, "count anew"),
        (made(counted(statistics="")), {}, "does not tell how it was counted"),
    ],
    ids=["unreadable", "timeline", "cluster", "reset", "fallen", "old-point"],
)
def test_what_cannot_be_counted_is_not_guessed(before: RestorePoint, now: dict[str, Any], why: str) -> None:
    """A count that began anew says nothing, even where its numbers are larger; seconds are told all the same."""
    loss = loss_of(wanting(made=before, clusters=stands(**now)), NOW)
    assert loss is not None
    assert loss.written is None
    assert why in loss.uncounted
    assert loss.seconds > 7000


def test_to_a_moment_the_rows_are_a_bound() -> None:
    """They are counted from the point before it; seconds are those since the moment."""
    choice = to_moment([BEFORE], NOW - timedelta(seconds=60), Lines(live=1))
    loss = loss_of(wanting(made=BEFORE, choice=choice, clusters=stands()), NOW)
    assert loss is not None
    assert (loss.seconds, loss.counted_from, loss.written and loss.written.total) == (65, BEFORE.id, 9)


def test_nothing_is_lost_where_nothing_is_replaced() -> None:
    """Files alone, something beside what runs, or the whole log."""
    assert loss_of(wanting(scope=Scope(database=False)), NOW) is None
    assert (
        loss_of(
            wanting(scope=Scope(files=False, directory="/root/side", tables=(TableName(space="public", name="a"),))),
            NOW,
        )
        is None
    )
    assert loss_of(wanting(made=BEFORE, choice=to_end([BEFORE], Lines(live=1)), clusters=stands()), NOW) is None


def test_of_a_point_itself_the_choice_names_no_moment() -> None:
    """Where the server told no time, the point's own completion counts."""
    old = made(counted())
    loss = loss_of(wanting(made=old, choice=to_point(old), clusters=stands()), NOW)
    assert loss is not None
    assert loss.since == old.completed
