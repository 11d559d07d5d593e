"""The restore point: a manifest that can't say what could not be restored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from clmdeploy.backups.point import RestorePoint, is_point_id, new_point_id, restore_point_name
from clmdeploy.model.value import JsonValue, canonical_json

from .conftest import BEGIN, Made, make_point


def _changed(path: str, value: JsonValue) -> JsonValue:
    document = make_point().model_dump(mode="json")
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    return document


def test_ids_sort_by_time_and_name_a_point_in_postgresql() -> None:
    """A listing of keys is in order of age; PostgreSQL takes names of 63 bytes."""
    moments = [datetime(2026, 1, 31, 23, 59, 59, 42_000, UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    ids = [new_point_id(at, nonce) for at, nonce in zip(moments, ("ffff", "0000"), strict=True)]
    assert ids == ["20260131-235959042-ffff", "20260201-000000000-0000"]
    assert all(is_point_id(one) and len(restore_point_name(one)) < 64 for one in ids)
    assert not is_point_id("20260131-235959042-deploy-b7fc")


def test_a_manifest_is_read_back_as_it_was() -> None:
    """It has one spelling."""
    point = make_point(Made(BEGIN, files=3))
    assert RestorePoint.model_validate_json(canonical_json(point)) == point


@pytest.mark.parametrize(
    ("path", "value", "cause"),
    [
        ("id", "../../lease/fleet", "not a restore point's ID"),
        ("completed", "2026-01-05T01:02:02Z", "before it was created"),
        ("created", "2026-01-05T01:02:03", "timezone"),
        ("config_digest", "", "pattern"),
        ("status", "in progress", "Extra"),
        ("database.label", "--delta", "pattern"),
        ("database.type", "incr", "type incr that needs no other"),
        ("database.references", ["20260101-000000F"], "type full that needs"),
        ("database.type", "dump", "a dump has no log"),
        ("database.wal", None, "can't be restored without it"),
        ("database.timeline", 2, "not of timeline 2"),
        ("database.wal.named.name", "it's", "pattern"),
        ("database.wal.named.lsn", "0/2000000", "can't be reached"),
        ("database.wal.lsn_start", "0/2000300", "can't be reached"),
        ("database.wal.stop", "000000010000000000000001", "no span"),
        ("database.wal.stop", "000000020000000000000002", "no span"),
        ("database.wal.stop", "00000002.history", "not the name"),
        ("database.wal.start", "000000010000000000000100", "can't be a WAL segment"),
        ("database.wal.segment_size", 3 * 1024**2, "no size of WAL segments"),
        ("database.stored", -1, "greater"),
    ],
)
def test_what_could_not_be_restored_is_no_point(path: str, value: JsonValue, cause: str) -> None:
    """Each fault is refused by name when the manifest is made, not found when it is needed."""
    with pytest.raises(ValidationError, match=cause):
        RestorePoint.model_validate(_changed(path, value))


def test_one_tree_is_in_a_point_once() -> None:
    """Which of the two would be restored?"""
    document = make_point(Made(BEGIN, files=2)).model_dump(mode="json")
    document["files"][1]["host"] = "app1"
    with pytest.raises(ValidationError, match="twice"):
        RestorePoint.model_validate(document)


def test_a_dump_stands_alone() -> None:
    """It has no log and nothing below it."""
    document = make_point().model_dump(mode="json")
    document["database"] |= {"engine": "pgdump", "type": "dump", "wal": None, "digest": "d" * 64}
    point = RestorePoint.model_validate(document)
    assert [one.engine for one in point.needs] == ["pgdump", "restic"]


def test_a_point_needs_all_that_its_backup_stands_on() -> None:
    """An increment is worth nothing without what it references; its own is only what was stored for it."""
    full = make_point()
    diff = make_point(Made(BEGIN + timedelta(days=1), "diff", (full,)))
    incr = make_point(Made(BEGIN + timedelta(days=2), "incr", (diff,)))
    assert {one.name for one in incr.needs} >= {full.database.label, diff.database.label, incr.database.label}
    assert full.database.holding not in incr.own
    assert incr.database.full == full.database.full == full.database.label


def test_the_named_point_is_reached_through_the_log_behind_the_backup() -> None:
    """It lies after the end of the backup, here in the next segment."""
    wal = make_point().database.wal
    assert wal is not None
    assert (wal.stop, wal.until.name) == ("000000010000000000000002", "000000010000000000000003")
