"""Back to a release that can't run on the schema as it stands, on real hosts: with its data, in one change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.lab import Lab
from tests.lab.backups.test_restore import rows, sql, worker
from tests.lab.command_line import CommandLine, publish
from tests.lab.craft import variant
from tests.lab.fleet import Fleet

pytestmark = [pytest.mark.timeout(1800), pytest.mark.full]
NEW_ROWS = 100


@pytest.fixture(scope="module")
def backed(fleet: Fleet) -> Iterator[Lab]:
    """1.2.0 runs, and backups are set up."""
    fleet.clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    fleet.bring_to("1.2.0")
    yield fleet.lab
    fleet.clmdeploy("restore", "--start-workers", "-e", "lab", "--yes")


def irreversible(manifest: dict[str, Any]) -> None:
    manifest["schema"]["migrations"][-1]["revert"] = "irreversible"


@pytest.mark.usefixtures("backed")
def test_a_migration_that_ended_half_way_gives_way_to_its_point(
    fleet: Fleet, clmdeploy: CommandLine, tmp_path: Path
) -> None:
    """It has no way back: what is said of the ending names the point that was made before it, and that is restored."""
    fleet.bring_to("1.2.0")
    publish(clmdeploy, variant(tmp_path, "1.4.2", "1.4.0", irreversible), tmp_path / "bundles").expecting(0)
    schema = fleet.schema()
    ended = clmdeploy("deploy", "1.4.2", "-e", "lab", "--confirm", "lab", "--soak", "1").expecting(5)
    assert "3|t" in fleet.schema()
    found = re.search(r"clmdeploy restore (\S+) -e lab", ended.said)
    assert found, ended.said
    clmdeploy("restore", found[1], "-e", "lab", "--confirm", "lab", "--start-workers").expecting(0)
    assert fleet.schema() == schema
    assert set(fleet.releases.values()) == {"1.2.0"}
    assert fleet.drained == {}
    assert clmdeploy("status", "-e", "lab", "--probe").code == 0


def test_the_release_before_comes_back_with_its_data(fleet: Fleet, backed: Lab, clmdeploy: CommandLine) -> None:
    """The verdict names it, what is lost is said first and wants the environment's name; then all is as it was."""
    sql(backed, "CREATE TABLE kept (i int); INSERT INTO kept VALUES (1), (2);")  # the worker writes into all others
    before = rows(backed)
    clmdeploy("deploy", "2.0.0", "-e", "lab", "--confirm", "lab", "--soak", "1").expecting(0)
    sql(backed, f"CREATE TABLE later (i int); INSERT INTO later SELECT generate_series(1, {NEW_ROWS});")
    sql(backed, "DELETE FROM kept")
    refused = clmdeploy("rollback", "-e", "lab", "--yes").expecting(4)
    assert "clmdeploy rollback --with-restore --to 1.2.0 -e lab" in refused.said
    planned = clmdeploy("rollback", "--with-restore", "-e", "lab", "--dry-run", "--json").expecting(0).json
    loss = planned["outlook"]["loss"]
    assert loss["written"]["inserted"] >= NEW_ROWS  # the catalogue's own rows are counted too
    assert 0 < loss["seconds"] < 600
    unsaid = clmdeploy("rollback", "--with-restore", "-e", "lab", "--yes").expecting(2)
    assert "at most" in unsaid.said
    clmdeploy("rollback", "--with-restore", "-e", "lab", "--confirm", "lab").expecting(0)
    after = rows(backed)
    assert after.keys() == before.keys()
    assert after["kept"] == before["kept"]
    assert set(fleet.releases.values()) == {"1.2.0"}
    assert worker(backed) != "active"


def test_a_count_that_began_anew_is_not_told_as_one(backed: Lab, clmdeploy: CommandLine) -> None:
    """Seconds are told; of rows it is said that they can't be counted, and why."""
    clmdeploy("backup", "create", "-e", "lab", "--yes").expecting(0)
    sql(backed, "SELECT pg_stat_reset()")
    outlook = clmdeploy("restore", "latest", "-e", "lab", "--dry-run", "--json").expecting(0).json["outlook"]
    assert outlook["loss"]["written"] is None
    assert "count anew" in outlook["loss"]["uncounted"]
    assert outlook["estimate"]["size"] > 0
