"""What a restore point is planned from: nothing is built upon backups that are known to be damaged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clmdeploy.backups.listing import Entry
from clmdeploy.backups.marks import Mark
from clmdeploy.backups.point import RestorePoint
from clmdeploy.queries.backing_up import is_damaged
from clmdeploy.queries.points import Seen
from tests.unit.backups.conftest import BEGIN, Made, make_point

FULL = make_point(Made(BEGIN, segment=2))
INCR = make_point(Made(BEGIN + timedelta(days=1), "incr", (FULL,), segment=12))
LATER = make_point(Made(BEGIN + timedelta(days=2), segment=22))


def seen(point: RestorePoint, *faults: str) -> Seen:
    return Seen(Entry(principal="admin", point=point), Mark(point=point.id, at=point.completed, faults=faults))


@pytest.mark.parametrize(
    ("points", "damaged"),
    [
        ((), False),
        ((seen(INCR), seen(FULL)), False),
        ((seen(INCR, "a file lacks"), seen(FULL)), True),
        ((seen(INCR), seen(FULL, "a file lacks")), True),
        ((seen(LATER), seen(INCR, "a file lacks"), seen(FULL, "a file lacks")), False),
    ],
)
def test_an_incremental_backup_stands_on_nothing_damaged(points: tuple[Seen, ...], damaged: bool) -> None:
    """Any point of the newest full backup's speaks against it; an older chain does not matter."""
    assert is_damaged(points) == damaged
