"""The restore points as people name them."""

from __future__ import annotations

from datetime import timedelta

from clmdeploy.backups.listing import Entry
from clmdeploy.queries.points import Points, Seen
from tests.unit.backups.conftest import BEGIN, make_point


def seen(hours: int, reason: str) -> Seen:
    point = make_point(BEGIN + timedelta(hours=hours)).model_copy(update={"reason": reason})
    return Seen(Entry(point=point, principal="admin"))


def test_the_latest_to_restore_is_none_that_a_restore_made_for_itself() -> None:
    """Typed again from history, `restore latest` would bring back the wreck that its own safety point holds."""
    nightly = seen(0, "nightly")
    points = Points((seen(2, "after a restore of X"), seen(1, "before a restore of X"), nightly))
    assert points.newest_for_restore() == nightly
    assert Points(points.points[:2]).newest_for_restore() is None
    assert points.find("latest") == points.points[0]
