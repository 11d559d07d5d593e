"""Publishing: a point is made of parts that all are there and fit together, or not at all."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.backups.catalogue import Catalogue
from clmdeploy.backups.publishing import PublishPoint, restore_point
from clmdeploy.backups.work import WorkFailed
from clmdeploy.model.errors import InvalidInput

from .conftest import Seal
from .test_works import CHANGE, POINT, found, named

NOW = datetime(2026, 11, 23, 19, 10, tzinfo=UTC)


class StillClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def tree(path: str = "/etc/postgresql", **changes: Any) -> dict[str, Any]:
    return {"path": path, "snapshot": "a" * 64, "files": 8, "bytes": 35000, "stored": 1, **changes}


def arguments(prefix: str = "", results: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    told = {
        "database": {"backup1": found()}, "named-point": {"db1": named()},
        "archived": {"backup1": {"segment": "00000001000000000000000A", "segments": 2}},
        "files": {"db1": {"trees": [tree()]}}, **(results or {}),
    }  # fmt: skip
    return {
        "change": CHANGE, "local": 1, "prefix": prefix, "environment": "lab", "environment_id": "uuid-of-lab",
        "reason": "nightly", "release": "1.2.0-0a1b2c3d", "schema_version": 4, "config_digest": "c" * 64,
        "repository": "clm", "repositories": {"db1": "db1"}, "paths": {"db1": ["/etc/postgresql"]},
        "pin": None, "results": {prefix + step: one for step, one in told.items()}, **changes,
    }  # fmt: skip


@pytest.fixture
def publish(seal: Seal) -> PublishPoint:
    return PublishPoint(Catalogue(MemoryStore(), "lab", "uuid-of-lab", seal, seal), "admin@lab", StillClock())


def test_the_parts_become_one_point() -> None:
    """Its ID and its beginning follow from the change."""
    point = restore_point(arguments(), NOW, "admin@lab")
    assert point.id == POINT
    assert point.created == datetime(2026, 11, 23, 19, 3, 22, 627000, tzinfo=UTC)
    assert point.database.wal is not None
    assert point.database.wal.until.name == "00000001000000000000000A"
    assert [str(one) for one in point.needs] == ["pgbackrest clm 20261123-190524F", f"restic db1 {'a' * 64}"]


def test_within_another_change_steps_have_a_prefix() -> None:
    """And the second point of a change has an ID of its own."""
    assert restore_point(arguments("expand-", local=2), NOW, "a").id == POINT[:-1] + "2"


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ({"database": {}}, InvalidInput),
        ({"archived": {"backup1": {"segment": "000000010000000000000009"}}}, WorkFailed),
        ({"files": {}}, WorkFailed),
        ({"files": {"db1": {"trees": [tree("/etc")]}}}, WorkFailed),
        ({"database": {"backup1": found(size=1000)}}, WorkFailed),
        ({"named-point": {"db1": named(lsn="0/8000000", segment="000000010000000000000008")}}, WorkFailed),
        ({"database": {"backup1": {"label": "--rm"}}}, InvalidInput),
    ],
)
def test_without_one_of_its_parts_there_is_no_point(
    publish: PublishPoint, results: dict[str, Any], error: type[Exception]
) -> None:
    """Nothing is published: not the rest of it either."""
    with pytest.raises(error):
        publish.perform(arguments(results=results))
    assert publish.points.listing().points == ()


def test_publishing_twice_is_publishing_once(publish: PublishPoint) -> None:
    """After a lost answer the point is found, whatever time it is by now."""
    asked = arguments(pin="before the move")
    assert publish.probe(asked) == {"state": "not-done"}
    told = publish.perform(asked)
    assert told == publish.perform(asked) == {"point": POINT, "completed": NOW.timestamp()}
    assert publish.probe(asked) == {"state": "done", **told}
    (entry,) = publish.points.listing().points
    assert entry.is_pinned
    assert entry.standing is not None
    assert entry.standing.reason == "before the move"


@pytest.mark.parametrize(("at", "fits"), [("2026-01-05T01:50:00Z", True), ("2026-01-06T01:02:03Z", False)])
def test_files_of_another_day_make_no_point_with_yesterdays_database(at: str, fits: bool) -> None:
    """A change that stopped between the two and was gone on with would promise what it does not have."""
    moment = named(counters=named()["counters"] | {"at": "2026-01-05T01:02:03Z"})
    told = {"named-point": {"db1": moment}, "files": {"db1": {"trees": [tree(at=at)]}}}
    if fits:
        assert restore_point(arguments(results=told), NOW, "admin").files
    else:
        with pytest.raises(WorkFailed, match="h younger"):
            restore_point(arguments(results=told), NOW, "admin")


@pytest.mark.parametrize(("minutes", "fits"), [(50, True), (70, False)])
def test_files_follow_the_end_of_a_dump(minutes: int, fits: bool) -> None:
    """However long it took; its rows were counted before it."""
    began = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
    ended = began + timedelta(hours=5)
    moment = {
        "system_id": "7",
        "timeline": 1,
        "counters": {"inserted": 1, "updated": 2, "deleted": 3, "at": str(began)},
    }
    dump = {"label": POINT, "digest": "d" * 64, "members": 3, "size": 5000, "stored": 900, "ended": ended.timestamp()}
    files = {"db1": {"trees": [tree(at=(ended + timedelta(minutes=minutes)).isoformat())]}}
    results = {"moment": {"db1": moment}, "database": {"db1": dump}, "files": files}
    asked = arguments(results=results, engine="pgdump", repository="db1")
    with nullcontext() if fits else pytest.raises(WorkFailed, match=r"1\.2 h younger"):
        assert restore_point(asked, NOW, "admin").files


def test_a_dump_becomes_a_point_without_log() -> None:
    """Its manifest's digest stands in it; the dump of another point is refused."""
    moment = {"system_id": "7", "timeline": 1, "counters": {"inserted": 1, "updated": 2, "deleted": 3}}
    dump = {"label": POINT, "digest": "d" * 64, "members": 3, "size": 5000, "stored": 900, "ended": 0.0}
    results = {"moment": {"db1": moment}, "database": {"db1": dump}}
    made = restore_point(arguments(results=results, engine="pgdump", repository="db1"), NOW, "admin@lab").database
    assert (made.engine, made.repository, made.label, made.digest) == ("pgdump", "db1", POINT, "d" * 64)
    assert made.wal is None
    other = results | {"database": {"db1": dump | {"label": "20200101-000000000-b7fc01"}}}
    with pytest.raises(WorkFailed, match="20200101"):
        restore_point(arguments(results=other, engine="pgdump", repository="db1"), NOW, "admin@lab")
