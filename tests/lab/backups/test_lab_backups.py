"""What the lab has for backups: a primary that keeps its WAL, a standby, the backup host and its bucket."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.facts import BACKUP_BUCKET, LabFacts
from clmdeploy.lab.host import LabHost
from clmdeploy.lab.removal import take_down
from clmdeploy.lab.state import STATE, LabDirectory
from clmdeploy.lab.storage import StorageAccess

DATA = "/var/lib/postgresql/17/main"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for this module alone, where nobody has set backups up; without the application's hosts."""
    spec = LabSpec(name=f"bak{os.getpid()}", apps=0, workers=0, balancer=False)
    try:
        yield Lab.up(spec, progress=print)
    finally:
        take_down(spec.name)


@pytest.fixture
def facts(lab: Lab) -> LabFacts:
    """Keys and passwords of the lab, as another process would read them."""
    return LabFacts.of(LabDirectory(STATE / lab.name))


def sql(host: LabHost, query: str) -> str:
    """What the database server of a host answers to its administrator."""
    return host.run(["runuser", "-u", "postgres", "--", "psql", "-XAtqc", query]).stdout.strip()


def assert_streams(lab: Lab) -> None:
    """A row that the primary writes now is read on the standby within seconds."""
    count = "SELECT count(*) FROM streamed"
    sql(lab.host("db1"), "CREATE TABLE IF NOT EXISTS streamed (n serial); INSERT INTO streamed DEFAULT VALUES")
    wanted = sql(lab.host("db1"), count)
    deadline = time.monotonic() + 20
    while sql(lab.host("db2"), count) != wanted:
        assert time.monotonic() < deadline, "the row did not reach the standby"
        time.sleep(0.2)


def test_the_standby_streams_whatever_happens_to_either(lab: Lab) -> None:
    """The standby takes no writes, follows the primary through power losses of both, and fills a new disk by itself."""
    primary, standby = lab.host("db1"), lab.host("db2")
    assert sql(standby, "SELECT pg_is_in_recovery()") == "t"
    assert sql(primary, "SELECT slot_name FROM pg_replication_slots WHERE active") == "db2"
    assert_streams(lab)
    primary.kill()
    primary.start()
    assert_streams(lab)
    standby.kill()
    sql(primary, "INSERT INTO streamed DEFAULT VALUES")
    standby.start()
    assert_streams(lab)
    standby.wipe()
    assert_streams(lab)


def test_wal_is_kept_until_there_is_an_archive(lab: Lab) -> None:
    """Before backups are set up every finished segment waits to be archived, and nothing counts as a failure."""
    primary = lab.host("db1")
    sql(primary, "SELECT pg_switch_wal()")
    waiting = primary.run(["find", f"{DATA}/pg_wal/archive_status", "-name", "*.ready"]).stdout.split()
    assert waiting
    assert sql(primary, "SELECT archived_count + failed_count FROM pg_stat_archiver") == "0"


def test_an_emptied_data_directory_stays_empty_over_boots(lab: Lab) -> None:
    """A standby whose data directory somebody has emptied, to restore into it, boots and makes no new cluster there."""
    standby = lab.host("db2")
    standby.run(["systemctl", "stop", "postgresql@17-main.service"])
    standby.run(["find", DATA, "-mindepth", "1", "-delete"])
    standby.kill()
    standby.start()
    try:
        assert standby.run(["ls", "-A", DATA]).stdout == ""
    finally:
        standby.wipe()
    assert_streams(lab)


def test_the_backup_host_has_its_programs_and_runs_none(lab: Lab) -> None:
    """rclone that keeps hosts apart, pgBackRest and restic are there; nothing of them runs before it is set up."""
    host = lab.host("backup1")
    version = re.findall(r"\Arclone v1\.(\d+)\.", host.run(["rclone", "version"]).stdout)
    assert [int(minor) >= 75 for minor in version] == [True]
    assert host.run(["pgbackrest", "version", "--output=num"]).stdout.strip() >= "2055000"
    assert host.run(["restic", "version"]).stdout.startswith("restic 0.18")
    for name in ("backup1", "db1", "db2"):
        assert lab.host(name).run(["systemctl", "is-enabled", "pgbackrest"], check=False).stdout.strip() == "disabled"


def test_older_versions_of_backups_outlive_every_key(facts: LabFacts) -> None:
    """What was stored in the backups' bucket can be written over and deleted, but its bytes stay, for any key."""
    client, bucket, key = StorageAccess.backup(facts).client(), BACKUP_BUCKET, "pgbackrest/archive/kept"
    first = {"Bucket": bucket, "Key": key, "VersionId": ""}
    first["VersionId"] = client.put_object(Bucket=bucket, Key=key, Body=b"first")["VersionId"]
    client.put_object(Bucket=bucket, Key=key, Body=b"second")
    client.delete_object(Bucket=bucket, Key=key)
    for name in ("backup", "archive", "files", "operator", "admin"):
        another = getattr(StorageAccess, name)(facts).client()
        for bypassing in (False, True):
            with pytest.raises(ClientError, match="AccessDenied"):
                another.delete_object(**first, BypassGovernanceRetention=bypassing)
    assert client.get_object(**first)["Body"].read() == b"first"


@pytest.mark.parametrize(
    ("name", "own", "foreign", "deletable"),
    [
        ("archive", "pgbackrest/archive/x", "pgbackrest/backup/x", None),
        ("files", "restic/app1/data/x", "pgbackrest/archive/y", "restic/app1/locks/x"),
        ("backup", "pgdump/x", None, "pgdump/x"),
    ],
)
def test_each_key_of_the_backup_host_does_what_it_is_for(
    facts: LabFacts, name: str, own: str, foreign: str | None, deletable: str | None
) -> None:
    """A key puts and reads its own objects and no others, deletes only what it must, and changes no protection."""
    client, bucket = getattr(StorageAccess, name)(facts).client(), BACKUP_BUCKET
    client.put_object(Bucket=bucket, Key=own, Body=b"own")
    assert client.get_object(Bucket=bucket, Key=own)["Body"].read() == b"own"
    folder = own.split("/")[0] + "/"
    assert own in [found["Key"] for found in client.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]]
    refused = [lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})]
    unlocked = {"ObjectLockEnabled": "Enabled"}
    refused.append(lambda: client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=unlocked))
    if foreign:
        refused.append(lambda: client.put_object(Bucket=bucket, Key=foreign, Body=b"foreign"))
        refused.append(lambda: client.list_objects_v2(Bucket=bucket))
    if deletable:
        client.put_object(Bucket=bucket, Key=deletable, Body=b"to go")
        client.delete_object(Bucket=bucket, Key=deletable)
    if deletable != own:
        refused.append(lambda: client.delete_object(Bucket=bucket, Key=own))
    for act in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            act()
