"""Who needs a restore point: open changes that made it or name it."""

from __future__ import annotations

import pytest

from clmdeploy.queries.point_needs import made_by

CHANGE = "20260131-235959042-backup-b7fc"


@pytest.mark.parametrize(
    ("point", "change", "made"),
    [
        ("20260131-235959042-b7fc01", CHANGE, True), ("20260131-235959042-b7fc", CHANGE, True),
        ("20260131-235959042-aaaa01", CHANGE, False), ("20260131-235959043-b7fc01", CHANGE, False),
        ("20260131-235959042-b7fc01", "20260131-235959042-deploy-b7fc", True), ("x", "y", False),
    ],
)  # fmt: skip
def test_a_points_id_begins_with_time_and_nonce_of_its_change(point: str, change: str, made: bool) -> None:
    """So what a cut-off backup left behind is known as that."""
    assert made_by(point, change) is made
