"""`backup verify` on real hosts: harm is found and named with the points that it spoils, and read bytes stay read."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from clmdeploy.lab import Lab
from clmdeploy.model.secret import Secret
from tests.lab.command_line import CommandLine, Ran
from tests.lab.fleet import Fleet

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]
BUCKET = "clm-backups"
BALLAST = "create table read_back as select g, repeat(md5((g * 7)::text), 12) t from generate_series(1, 600000) g"


@dataclass(frozen=True)
class Stored:
    """The bucket of backups, and two points in it: a full one and one that stands on it."""

    lab: Lab
    clmdeploy: CommandLine
    client: Any  # Any: boto3 makes its clients at run time
    full: dict[str, Any]
    incremental: dict[str, Any]

    def verify(self, *words: str) -> Ran:
        return self.clmdeploy("backup", "verify", "-e", "lab", "--json", *words)

    def key(self, prefix: str, part: str = "") -> str:
        """The largest object below a prefix whose key has this part."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        found = [one for page in pages for one in page.get("Contents", []) if part in one["Key"]]
        return str(max(found, key=lambda one: one["Size"])["Key"])

    @contextmanager
    def harmed(self, key: str, harm: Callable[[bytes], bytes | None]) -> Iterator[None]:
        """Until the end of the block; then what stood there is put back."""
        body = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        other = harm(body)
        if other is None:
            self.client.delete_object(Bucket=BUCKET, Key=key)
        else:
            self.client.put_object(Bucket=BUCKET, Key=key, Body=other)
        try:
            yield
        finally:
            self.client.put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.fixture(scope="module")
def stored(fleet: Fleet) -> Stored:
    """Backups set up, two points made, and read back whole."""
    run, lab = fleet.clmdeploy, fleet.lab
    run("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    psql(lab, BALLAST)
    points = []
    for kind in ("full", "incr"):
        made = run("backup", "create", "-e", "lab", "--yes", "--json", "--type", kind).expecting(0).json["point"]
        points.append(run("backup", "show", made, "-e", "lab", "--json").expecting(0).json["point"])
    secrets = lab.inventories / "lab" / "secrets"
    access, secret = ((secrets / f"backup-{name}-key").read_text().strip() for name in ("access", "secret"))
    client = replace(lab.storage, access_key=access, secret_key=Secret(secret)).client()
    return Stored(lab, run, client, *points)


def psql(lab: Lab, query: str) -> str:
    words = ("runuser", "-u", "postgres", "--", "psql", "-qAt", "-d", "clm", "-c", query)
    return str(lab.host("db1").run(words).stdout).strip()


def flip(body: bytes) -> bytes:
    at = len(body) * 2 // 3
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def cut(body: bytes) -> bytes:
    return body[:-17]


def gone(_body: bytes) -> None:
    return None


def backup(point: dict[str, Any]) -> str:
    return f"pgbackrest/backup/clm/{point['database']['label']}/"


def test_everything_is_read_once_and_killed_runs_lose_little(stored: Stored) -> None:
    """A run is killed behind its first batch; the next goes on from there, and a third one has nothing to read."""
    process = stored.clmdeploy.started("backup", "verify", "-e", "lab", "--events")
    assert process.stdout is not None
    first: dict[str, Any] = {}
    for line in process.stdout:
        first = json.loads(line) if line.startswith("{") else {}
        if first.get("event") == "verify-read":
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    second = stored.verify().expecting(0).json
    third = stored.verify().expecting(0).json
    assert second["known"] >= first["objects"]
    assert (second["sound"], third["objects"], third["bytes"]) == (True, 0, 0)
    for point in (stored.full, stored.incremental):
        assert third["verified"][point["id"]] is not None


@pytest.mark.parametrize("harm", [flip, cut, gone])
@pytest.mark.parametrize("which", ["full", "incremental", "segment", "pack"])
def test_harm_is_found_and_the_right_points_are_named(
    stored: Stored, which: str, harm: Callable[[bytes], bytes | None]
) -> None:
    """Exit code 10; `backup list` knows it too. When the object is whole again, all is well."""
    full, incremental = stored.full["id"], stored.incremental["id"]
    segment = stored.incremental["database"]["wal"]["start"]
    key, points = {
        "full": (stored.key(backup(stored.full), "/bundle/"), {full, incremental}),
        "incremental": (stored.key(backup(stored.incremental), "/bundle/"), {incremental}),
        "segment": (stored.key("pgbackrest/archive/clm/", f"/{segment}-"), {incremental}),
        "pack": (stored.key("restic/worker1/data/"), {full, incremental}),
    }[which]
    with stored.harmed(key, harm):
        found = stored.verify().expecting(10).json
        assert set(found["spoiled"]) == points
        named = [one["key"] for one in found["troubles"]] + found["gaps"]
        assert any(one == key or segment in one or key.startswith(one) for one in named)
        listed = stored.clmdeploy("backup", "list", "-e", "lab", "--json").json["points"]
        assert {one["id"] for one in listed if one["faults"]} == points
    assert stored.verify().expecting(0).json["spoiled"] == {}


def test_only_what_is_new_is_read(stored: Stored) -> None:
    """A segment more: its bytes, and no others."""
    stored.verify().expecting(0)
    psql(stored.lab, "select pg_create_restore_point('more'); select pg_switch_wal()")
    time.sleep(3)
    found = stored.verify().expecting(0).json
    assert 1 <= found["objects"] <= 2
    assert found["bytes"] < 1024 * 1024


@pytest.mark.parametrize(("command", "words"), [("/bin/false", "fails"), ("/bin/true", "not in the storage")])
def test_archiving_that_stands_still_is_told_by_status(stored: Stored, command: str, words: str) -> None:
    """Within a minute, whether archive_command fails or lies. Mended, it goes on."""
    psql(stored.lab, f"ALTER SYSTEM SET archive_command = '{command}'")
    try:
        psql(stored.lab, "select pg_reload_conf()")
        time.sleep(1)
        psql(stored.lab, "select pg_create_restore_point('stall'); select pg_switch_wal()")
        begun = time.monotonic()
        while True:
            found = stored.clmdeploy("status", "-e", "lab", "--json").expecting(0).json["archiving"]
            if found["state"] == "stalled":
                break
            assert time.monotonic() - begun < 60, found
        assert words in found["cause"]
        assert found["waiting"] >= 1
        assert "stands still since" in stored.clmdeploy("status", "-e", "lab").said
    finally:
        psql(stored.lab, "ALTER SYSTEM RESET archive_command")
        psql(stored.lab, "select pg_reload_conf()")
