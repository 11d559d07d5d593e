"""Expiry on real hosts: exactly what was said goes, log too, and what is left is listed by the engines themselves."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from clmdeploy.backups.marks import Mark
from clmdeploy.lab import Lab
from clmdeploy.runtime import Runtime
from tests.lab.command_line import CommandLine
from tests.lab.fleet import Fleet

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]
AS_JOBS = ("systemd-run", "--quiet", "--wait", "--pipe", "--uid=clm-backup")
SECRETS = "/etc/clm-backup/secrets"
KEYS = f"""\
export PGBACKREST_REPO1_S3_KEY=$(cat {SECRETS}/s3-access-key)
export PGBACKREST_REPO1_S3_KEY_SECRET=$(cat {SECRETS}/s3-secret-key)
export PGBACKREST_REPO1_CIPHER_PASS=$(cat {SECRETS}/database-passphrase) RESTIC_PASSWORD_FILE={SECRETS}/files-passphrase
export AWS_ACCESS_KEY_ID=$(cat {SECRETS}/s3-access-key) AWS_SECRET_ACCESS_KEY=$(cat {SECRETS}/s3-secret-key)
export RESTIC_CACERT=/etc/clm-backup/storage-ca.pem RESTIC_CACHE_DIR=/var/lib/clm-backup/by-hand
"""
PGBACKREST = KEYS + "pgbackrest --config=/etc/clm-backup/pgbackrest.conf --stanza=clm info --output=json"


@dataclass(frozen=True)
class Points:
    """An environment whose rules keep but the newest point, and ways to look at its repositories by hand."""

    lab: Lab
    clmdeploy: CommandLine
    inventories: Path

    def runtime(self) -> Runtime:
        return Runtime.of(self.inventories, "lab")

    def make(self, kind: str) -> None:
        self.clmdeploy("backup", "create", "-e", "lab", "--type", kind, "--yes").expecting(0)

    def mark(self, number: int) -> None:
        """As a verification would, of the point that many before the newest."""
        now = datetime.now(UTC)
        point = self.listed()[number]["id"]
        self.runtime().marks.note([Mark(point=point, at=now, verified=now)])

    def listed(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = (
            self.clmdeploy("backup", "list", "-e", "lab", "--json").expecting(0).json["points"]
        )
        return found

    def database(self) -> dict[str, Any]:
        """What pgBackRest itself tells, called by hand."""
        said = self.lab.host("backup1").run((*AS_JOBS, "bash", "-c", PGBACKREST)).stdout
        found: dict[str, Any] = json.loads(said)[0]
        return found

    def labels(self) -> list[str]:
        return [one["label"] for one in self.database()["backup"]]

    def snapshots(self, point: dict[str, Any]) -> dict[str, set[str]]:
        """Repository → IDs that restic itself lists, for those that the point has something in."""
        found = {}
        for part in point["files"]:
            address = f"s3:{self.endpoint}/clm-backups/restic/{part['repository']}"
            listing = f"{KEYS}restic -r {address} snapshots --json --no-lock"
            said = self.lab.host("backup1").run((*AS_JOBS, "bash", "-c", listing)).stdout
            found[part["repository"]] = {one["id"] for one in json.loads(said)}
        return found

    @property
    def endpoint(self) -> str:
        settings = yaml.safe_load((self.inventories / "lab" / "clm.yml").read_text())
        return str(settings["storage"]["endpoint"])

    def manifest(self, point_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.clmdeploy("backup", "show", point_id, "-e", "lab", "--json").expecting(0).json
        manifest: dict[str, Any] = told["point"]
        return manifest


@pytest.fixture(scope="module")
def points(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Points]:
    """Backups set up; the rules keep one point."""
    copy = tmp_path_factory.mktemp("expire") / "inventories"
    shutil.copytree(fleet.clmdeploy.environ["CLM_INVENTORIES"], copy)
    path = copy / "lab" / "clm.yml"
    settings = yaml.safe_load(path.read_text())
    settings["backup"]["retention"] = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
    path.write_text(yaml.safe_dump(settings))
    clmdeploy = CommandLine({**fleet.clmdeploy.environ, "CLM_INVENTORIES": str(copy)})
    clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    made = Points(fleet.lab, clmdeploy, copy)
    yield made
    for point in made.listed():
        made.clmdeploy("backup", "unpin", point["id"], "-e", "lab").expecting(0)


def grown(points: Points) -> list[dict[str, Any]]:
    """A full backup with an incremental one on it, twice; the newest read back. Newest first."""
    for kind in ("full", "incr", "full", "incr"):
        points.make(kind)
    points.mark(0)
    return points.listed()[:4]


def test_exactly_what_was_said_goes(points: Points) -> None:
    """A dry run names what goes; afterwards the engines list what stays and nothing else, and log begins there."""
    newest, base, *leaving = grown(points)
    told = points.clmdeploy("backup", "expire", "-e", "lab", "--dry-run", "--json").expecting(0).json
    goes = {one["point"] for one in told["points"] if not one["keep"]}
    assert {one["id"] for one in leaving} <= goes
    assert not goes & {newest["id"], base["id"]}
    labels = {one["name"] for one in told["drops"]["holdings"] if one["engine"] == "pgbackrest"}
    assert labels <= set(points.labels())
    points.clmdeploy("backup", "expire", "-e", "lab", "--confirm", "lab").expecting(0)
    kept = [points.manifest(one["id"]) for one in (newest, base)]
    assert [one["id"] for one in points.listed()] == [newest["id"], base["id"]]
    assert sorted(points.labels()) == sorted(one["database"]["label"] for one in kept)
    assert points.database()["archive"][0]["min"] == kept[1]["database"]["wal"]["start"]
    for repository, present in points.snapshots(kept[0]).items():
        assert present == {
            part["snapshot"] for one in kept for part in one["files"] if part["repository"] == repository
        }
    again = points.clmdeploy("backup", "expire", "-e", "lab", "--confirm", "lab", "--json").expecting(0)
    assert again.json["state"] == "nothing-to-do"


def test_a_pinned_point_stays_with_what_it_stands_on(points: Points) -> None:
    """Standalone: its own log stays, that in between goes; the engines agree."""
    pinned = points.listed()[0]
    points.clmdeploy("backup", "pin", pinned["id"], "-e", "lab", "--reason", "audit", "--standalone").expecting(0)
    before = set(points.labels())
    grown(points)
    points.clmdeploy("backup", "expire", "-e", "lab", "--confirm", "lab").expecting(0)
    assert pinned["id"] in {one["id"] for one in points.listed()}
    assert before <= set(points.labels())
    part = points.manifest(pinned["id"])["database"]
    assert points.database()["archive"][0]["min"] <= part["wal"]["start"]
    points.clmdeploy("backup", "unpin", pinned["id"], "-e", "lab").expecting(0)


@pytest.mark.parametrize("step", ["begin", "files", "database", "log", "finish"])
def test_killed_in_a_step_it_goes_on(points: Points, step: str) -> None:
    """SIGKILL as soon as the step has begun: `change resume` ends with what was said, and the engines agree."""
    newest, base, *_ = grown(points)
    process = points.clmdeploy.started("backup", "expire", "-e", "lab", "--confirm", "lab", "--events")
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "step-started" and event.get("step") == step:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait(60)
    points.clmdeploy("change", "resume", "-e", "lab").expecting(0)
    assert [one["id"] for one in points.listed()] == [newest["id"], base["id"]]
    kept = [points.manifest(one["id"])["database"]["label"] for one in (newest, base)]
    assert sorted(points.labels()) == sorted(kept)
    points.make("incr")
