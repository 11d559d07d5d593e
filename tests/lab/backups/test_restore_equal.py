"""Create, wreck, restore: every table and every file is equal, also as of a moment between two transactions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.backups.kit.database import Moment, database_differences
from tests.lab.backups.kit.generated import GeneratedSet, State
from tests.lab.backups.kit.tree import CI_TREE, FULL_TREE, tree_differences
from tests.lab.fleet import Fleet

LIMIT = 3600.0  # seconds for one command upon the large set
SIZES = [
    pytest.param((CI_TREE, 20_000_000), id="small"),
    pytest.param((FULL_TREE, 2_000_000_000), id="large", marks=pytest.mark.full),
]
pytestmark = pytest.mark.timeout(7200)


@dataclass(frozen=True)
class Stored:
    """A set that was stored: what it was at the point, and at a moment after it."""

    kit: GeneratedSet
    point: str
    before: State
    moment: Moment

    def restore(self, *words: str) -> None:
        command = ("restore", *words, "-e", "lab", "--confirm", "lab")
        self.kit.fleet.clmdeploy(*command, timeout=LIMIT).expecting(0)


@pytest.fixture(scope="module", params=SIZES)
def stored(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Stored]:
    """A point of the whole set, then a moment with one transaction before it and one behind."""
    tree, size = request.param
    fleet.clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    kit = GeneratedSet(fleet)
    kit.make(tree, size)
    before = kit.state()
    point = kit.point("--type", "full")["id"]
    yield Stored(kit, point, before, kit.database.moment())
    kit.leave()


def test_a_moment_between_two_transactions_is_hit(stored: Stored) -> None:
    """Tables dropped, files harmed in every way: tables are as of the moment, files as of the point below it."""
    stored.kit.wreck()
    stored.restore("--at", stored.moment.at)
    now = stored.kit.state()
    assert database_differences(stored.moment.digest, now.rows) == []
    assert tree_differences(stored.before.files, now.files) == []


def test_what_was_lost_is_as_it_was(stored: Stored) -> None:
    """The whole cluster and the whole tree are gone: every table and file is as it was when the point was made."""
    stored.kit.lose()
    stored.restore(stored.point, "--no-safety-point", "the database is gone")
    assert stored.kit.differences(stored.before) == []


@pytest.mark.full
def test_what_stood_before_a_restore_can_be_had_again(stored: Stored) -> None:
    """Its safety point is a point like any other."""
    stored.kit.harm()
    harmed = stored.kit.state()
    stored.restore(stored.point)
    assert stored.kit.differences(harmed)
    told = stored.kit.fleet.clmdeploy("backup", "list", "-e", "lab", "--json").expecting(0).json["points"]
    stored.restore(next(one["id"] for one in told if one["id"].endswith("01")))
    assert stored.kit.differences(harmed) == []
