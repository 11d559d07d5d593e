"""`backup create` on real hosts: whole points only, whoever is killed half-way, and the next run needs no hand."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from clmdeploy.lab import Lab
from tests.lab.command_line import CommandLine
from tests.lab.fleet import Fleet

pytestmark = pytest.mark.timeout(900)
KEYS = (
    "export PGBACKREST_REPO1_S3_KEY=$(cat {0}/s3-access-key) PGBACKREST_REPO1_S3_KEY_SECRET=$(cat {0}/s3-secret-key) "
    "PGBACKREST_REPO1_CIPHER_PASS=$(cat {0}/database-passphrase); "
).replace("{0}", "/etc/clm-backup/secrets")
WAITING = ("--lease-wait", "300")  # as a scheduled run does: that the one before is dead, nobody knows at once
INFO = KEYS + "pgbackrest --config=/etc/clm-backup/pgbackrest.conf --stanza=clm info --output=json"
OTHER_STEPS = ("check-database", "named-point", "archived", "files")
BALLAST = (
    "create table ballast as select g, md5(g::text) || repeat(md5((g * 7)::text), 12) from generate_series(1, {}) g"
)


@pytest.fixture(scope="module")
def backed(fleet: Fleet) -> Lab:
    """Backups set up, a release running, and a database of a size that takes some seconds."""
    fleet.clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    query = BALLAST.format(400_000)
    fleet.lab.host("db1").run(("runuser", "-u", "postgres", "--", "psql", "-q", "-d", "clm", "-c", query))
    return fleet.lab


def create(clmdeploy: CommandLine, *words: str) -> dict[str, Any]:
    """A point that is made; its manifest."""
    told = clmdeploy("backup", "create", "-e", "lab", "--yes", "--json", *words).expecting(0).json
    found: dict[str, Any] = clmdeploy("backup", "show", told["point"], "-e", "lab", "--json").expecting(0).json["point"]
    return found


def listed(clmdeploy: CommandLine) -> list[str]:
    """IDs, newest first; nothing stands in the catalogue that could not be believed."""
    told = clmdeploy("backup", "list", "-e", "lab", "--json").expecting(0).json
    assert told["faults"] == []
    return [one["id"] for one in told["points"]]


def database(lab: Lab) -> list[dict[str, Any]]:
    """The backups that pgBackRest lists, asked by hand."""
    said = lab.host("backup1").run(("runuser", "-u", "clm-backup", "--", "bash", "-c", INFO)).stdout
    found: list[dict[str, Any]] = json.loads(said)[0]["backup"]
    return found


def begun(clmdeploy: CommandLine, step: str) -> Any:
    """A run that is at work in this step."""
    process = clmdeploy.started("backup", "create", "-e", "lab", "--yes", "--events", "--type", "full")
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("event") == "step-started" and told.get("step") == step:
            return process
    raise AssertionError(f"it ended before {step}")


def test_a_point_is_what_the_engines_hold(backed: Lab, clmdeploy: CommandLine) -> None:
    """Full, then incremental from the standby: labels, snapshots and log are where the manifest says."""
    full = create(clmdeploy, "--type", "full", "--reason", "the first")
    incremental = create(clmdeploy)
    by_label = {one["label"]: one for one in database(backed)}
    running = backed.host("app1").run(("readlink", "/opt/clm/current")).stdout.strip().rpartition("/")[2]
    for point in (full, incremental):
        assert by_label[point["database"]["label"]]["annotation"] == {"clm-point": point["id"]}
        assert point["release"] == running
        assert {(one["host"], one["path"]) for one in point["files"]} >= {
            ("db1", "/etc/postgresql"), ("worker1", "/opt/clm/shared/content"), ("app1", "/opt/clm/shared/clm.env"),
        }  # fmt: skip
    assert full["database"]["type"] == "full"
    assert incremental["database"]["references"] == [full["database"]["label"]]
    log = backed.host("backup1").run(("sh", "-c", "cat /var/log/clm-backup/clm-backup.log")).stdout
    copied = [line for line in log.splitlines() if "backup file" in line]
    assert any(f"backup file {backed.host('db2').address}:" in line for line in copied)  # the primary is spared
    assert listed(clmdeploy)[:2] == [incremental["id"], full["id"]]


@pytest.mark.usefixtures("backed")
def test_progress_is_told_in_bytes(clmdeploy: CommandLine) -> None:
    """While the engine works, to a pipeline too."""
    told = clmdeploy("backup", "create", "-e", "lab", "--yes", "--events", "--type", "full").expecting(0)
    events = [json.loads(line) for line in told.stdout.splitlines()]
    progress = [one for one in events if one["event"] == "progress" and one["step"] == "database"]
    assert progress
    assert all(0 <= one["bytes"] <= one["total"] for one in progress)
    assert events[-1]["point"] == listed(clmdeploy)[0]


@pytest.mark.usefixtures("backed")
def test_a_pin_comes_with_the_point(clmdeploy: CommandLine) -> None:
    """There is no moment in which expiry could take it."""
    point = create(clmdeploy, "--pin", "before the move")
    told = clmdeploy("backup", "show", point["id"], "-e", "lab", "--json").expecting(0).json
    assert told["standing"]["reason"] == "before the move"
    clmdeploy("backup", "unpin", point["id"], "-e", "lab").expecting(0)


@pytest.mark.usefixtures("backed")
@pytest.mark.parametrize(
    "step",
    ["database", "publish", *(pytest.param(one, marks=pytest.mark.full) for one in OTHER_STEPS)],
)
def test_killed_itself_the_next_run_needs_no_hand(clmdeploy: CommandLine, step: str) -> None:
    """SIGKILL as the step begins: no half point is listed, and the same command makes a whole one."""
    before = listed(clmdeploy)
    process = begun(clmdeploy, step)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert set(listed(clmdeploy)) - set(before) == set() or step == "publish"
    point = create(clmdeploy, *WAITING)
    assert listed(clmdeploy)[0] == point["id"]
    clmdeploy("journal", "verify", "-e", "lab").expecting(0)


@pytest.mark.parametrize(
    ("step", "host", "program"), [("database", "backup1", "pgbackrest"), ("files", "worker1", "restic")]
)
def test_a_killed_engine_makes_no_point(
    backed: Lab, clmdeploy: CommandLine, step: str, host: str, program: str
) -> None:
    """It is told which, and the next run succeeds."""
    before = listed(clmdeploy)
    process = begun(clmdeploy, step)
    _kill_engine(backed, host, program)
    said, _ = process.communicate(timeout=300)
    ending = json.loads(said.strip().splitlines()[-1])
    if process.returncode != 0:  # where it was faster than the signal there is a point
        assert ending["point"] is None
        assert program in json.dumps(ending["failures"]).lower()
        assert listed(clmdeploy) == before
    create(clmdeploy)


def test_a_backup_host_that_dies_makes_no_point(backed: Lab, clmdeploy: CommandLine) -> None:
    """Its power is cut in the middle; when it is back, the next run succeeds without hand work."""
    before = listed(clmdeploy)
    process = begun(clmdeploy, "database")
    time.sleep(1)
    backed.host("backup1").kill()
    process.communicate(timeout=600)
    assert process.returncode not in (0, 1)
    assert listed(clmdeploy) == before
    backed.host("backup1").start()
    create(clmdeploy)


def _kill_engine(lab: Lab, host: str, program: str) -> None:
    """As soon as it runs; its whole family."""
    script = f"for i in $(seq 300); do p=$(pgrep -f '^{program} .*backup') && kill -9 $p && exit; sleep 0.02; done"
    lab.host(host).run(("bash", "-c", script), check=False)
