"""`backup setup` on bare hosts: cut off, taken back, gone on with; then a second run, and what can be found where."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from clmdeploy.lab.writes import AS_POSTGRES
from clmdeploy.model.secret import Secret
from tests.lab.command_line import CommandLine, Ran

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]
ARCHIVE_TIMEOUT = 60  # seconds, of PostgreSQL
PLACES = ("/etc", "/var", "/run", "/root", "/home", "/opt", "/tmp", "/usr/local", "/dev/shm")
_FOOTPRINT = r"""
find /etc /usr/local /var/spool -xdev \( -type f -o -type l \) -printf '%p %m %u %g %s %T@ %l\n' 2>/dev/null \
  | grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid|\.pwd|ld\.so\.cache)|^/var/spool/pgbackrest' | sort
systemctl show clm-archive clm-gateway pgbackrest postgresql@17-main -p Id,ActiveState
"""
_SEARCH = r"""
umask 077; wanted=$(mktemp -p /dev); cat > $wanted; grep -rlFs -f $wanted "$@"
for one in /proc/[0-9]*; do tr '\0' '\n' 2>/dev/null < $one/environ | grep -qFf $wanted && echo $one; done; rm $wanted
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Bare hosts: in the lab that all tests share, others set backups up."""
    spec = LabSpec(name=f"bare{os.getpid()}", apps=2)
    try:
        yield Lab.up(spec)
    finally:
        take_down(spec.name)


@pytest.fixture(scope="module")
def clmdeploy(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line, aimed at these."""
    return CommandLine.aimed_at(lab, tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def prepared(lab: Lab, clmdeploy: CommandLine) -> Lab:
    """Hosts that have the guard, and nothing of backups."""
    clmdeploy("host", "setup", "-e", "lab", "--yes").expecting(0)
    return lab


@pytest.fixture(scope="module")
def whole(prepared: Lab, clmdeploy: CommandLine) -> Lab:
    """Everything set up, by a run that was killed half-way and gone on with by another."""
    killed_at(clmdeploy, "hosts")
    clmdeploy("change", "resume", "-e", "lab").expecting(0)
    return prepared


def setup(clmdeploy: CommandLine, *words: str) -> Ran:
    return clmdeploy("backup", "setup", "-e", "lab", *words)


def killed_at(clmdeploy: CommandLine, step: str) -> None:
    """A run whose control node dies as this step begins."""
    process = clmdeploy.started("backup", "setup", "-e", "lab", "--yes", "--events")
    assert process.stdout is not None
    for line in process.stdout:
        if f'"{step}"' in line and '"step-started"' in line:
            os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert process.returncode == -signal.SIGKILL, f"it ended before {step}"


def file_hosts(lab: Lab) -> list[str]:
    return [name for name, host in lab.hosts.items() if host.group in ("db", "worker", "app")]


def footprint(lab: Lab) -> set[str]:
    """Every file of note on every host, and which services run."""
    hosts = [lab.host(name) for name in ("backup1", *file_hosts(lab))]
    return {f"{host.name} {line}" for host in hosts for line in host.run(("sh", "-c", _FOOTPRINT)).stdout.splitlines()}


def until(holds: Callable[[], bool], limit: float) -> float:
    """Seconds until it held."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < limit, "in vain"
        time.sleep(1)
    return time.monotonic() - begun


def archived(lab: Lab) -> set[str]:
    """WAL segments in the bucket."""
    known = secrets(lab)
    access, secret = known["backup-access-key"], Secret(known["backup-secret-key"])
    client = replace(lab.storage, access_key=access, secret_key=secret).client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="clm-backups", Prefix="pgbackrest/archive/clm/")
    names = [one["Key"].rpartition("/")[2] for page in pages for one in page.get("Contents", [])]
    return {name[:24] for name in names if name.endswith(".zst")}


def psql(lab: Lab, query: str) -> str:
    command = (*AS_POSTGRES, "psql", "-X", "-A", "-t", "-q", "-d", "clm", "-f", "-")
    return lab.host("db1").run(command, input=query + ";\n").stdout.strip()


def gateway(lab: Lab, host: str, path: str, *words: str) -> str:
    """The HTTP status that a host gets, with the certificate that it has."""
    tls = "/etc/clm-backup/tls"
    address = f"https://{lab.host('backup1').address}:8000{path}"
    command = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", f"{tls}/ca.pem")
    own = ("--cert", f"{tls}/cert.pem", "--key", f"{tls}/key.pem")
    return lab.host(host).run((*command, *own, *words, address), check=False).stdout.strip()


def test_a_dry_run_shows_the_plan_and_touches_nothing(prepared: Lab, clmdeploy: CommandLine) -> None:
    """The plan names no secret."""
    before = footprint(prepared)
    told = setup(clmdeploy, "--dry-run", "--json").expecting(0)
    assert [step["id"] for step in told.json["plan"]["steps"]] == [
        "accounts", "requests", "authority", "backup-host", "hosts", "stanza", "archiving", "archived",
        "repositories", "keys", "reached",
    ]  # fmt: skip
    assert footprint(prepared) ^ before == set()
    for value in secrets(prepared).values():
        assert value not in told.said


@pytest.mark.parametrize("step", ["backup-host", "archiving"])
def test_a_run_that_was_cut_off_is_taken_back(prepared: Lab, clmdeploy: CommandLine, step: str) -> None:
    """What stood before stands again on every host: files, units, PostgreSQL's settings."""
    before = footprint(prepared)
    command = psql(prepared, "SHOW archive_command")
    killed_at(clmdeploy, step)
    clmdeploy("change", "abort", "-e", "lab").expecting(0)
    assert footprint(prepared) ^ before == set()
    assert psql(prepared, "SHOW archive_command") == command


def test_a_second_run_does_nothing(whole: Lab, clmdeploy: CommandLine) -> None:
    """Not one file is written anew, no service restarted."""
    before = footprint(whole)
    assert setup(clmdeploy, "--yes", "--json").expecting(0).json["state"] == "nothing-to-do"
    assert footprint(whole) ^ before == set()


def test_wal_arrives_within_the_archive_timeout(whole: Lab) -> None:
    """Without anybody's help: one row, and its segment is in the bucket."""
    psql(whole, "CREATE TABLE IF NOT EXISTS arriving (at timestamptz); INSERT INTO arriving VALUES (now())")
    segment = psql(whole, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    assert until(lambda: segment in archived(whole), ARCHIVE_TIMEOUT + 20) <= ARCHIVE_TIMEOUT + 20
    assert psql(whole, "SELECT failed_count FROM pg_stat_archiver") == "0"


def secrets(lab: Lab) -> dict[str, str]:
    """All that only the backup host may have, by name."""
    files = lab.inventories / "lab" / "secrets"
    names = [f"{who}-{kind}-key" for who in ("backup", "archive", "files") for kind in ("access", "secret")]
    return {name: (files / name).read_text().strip() for name in (*names, "database-passphrase", "files-passphrase")}


def findings(lab: Lab, host: str) -> list[str]:
    """Files and processes of a host that hold one of them."""
    values = "\n".join(secrets(lab).values()) + "\n"
    return lab.host(host).run(("sh", "-c", _SEARCH, "sh", *PLACES), input=values, check=False).stdout.splitlines()


def test_the_keys_are_on_the_backup_host_alone(whole: Lab) -> None:
    """Root on any other host finds none, in no file and no process; where they must be, the search finds them."""
    assert any(path.startswith("/etc/clm-backup/secrets/") for path in findings(whole, "backup1"))
    found = {host: findings(whole, host) for host in (*file_hosts(whole), "lb1")}
    assert found == {host: [] for host in found}


def test_the_journal_holds_no_secret(whole: Lab) -> None:
    """Nor do the plans in it: settings are named, certificates are public."""
    client, bucket = whole.storage.client(), whole.storage.state_bucket
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="lab/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    assert any("/events/" in key for key in keys)
    stored = b"".join(client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    assert b"BEGIN CERTIFICATE" in stored
    assert b"PRIVATE KEY" not in stored
    assert [name for name, value in secrets(whole).items() if value.encode() in stored] == []


def test_each_service_runs_as_its_own_user(whole: Lab) -> None:
    """None of them as root, none with the jobs' key."""
    said = whole.host("backup1").run(("ps", "-eo", "user:20,args")).stdout.splitlines()
    users = {line.split(None, 1)[1].split()[0]: line.split()[0] for line in said}
    assert users["/usr/bin/pgbackrest"] == "clm-archive"
    assert users["/usr/local/bin/rclone"] == "clm-gateway"


def test_a_host_reaches_its_own_repository_alone(whole: Lab) -> None:
    """It reads its own; another host's is closed to it, and so is everything without a certificate of ours."""
    assert gateway(whole, "app1", "/app1/config") == "200"
    assert gateway(whole, "app1", "/app2/config") == "403"
    assert gateway(whole, "app1", "/app1/config", "-X", "DELETE") == "403"
    assert gateway(whole, "app1", "/app1/config", "-X", "POST", "-d", "x") == "403"


def test_a_lost_certificate_is_made_anew(whole: Lab, clmdeploy: CommandLine) -> None:
    """For that host alone."""
    whole.host("app1").run(("rm", "/etc/clm-backup/tls/cert.pem"))
    told = setup(clmdeploy, "--dry-run", "--json").expecting(0).json["plan"]["steps"]
    acting = {step["id"]: [one["host"] for one in step["targets"]] for step in told}
    assert (acting["requests"], acting["authority"], acting["hosts"]) == (["app1"], ["backup1"], ["app1"])
    assert "backup-host" not in acting
    setup(clmdeploy, "--yes").expecting(0)
    assert gateway(whole, "app1", "/app1/config") == "200"


def test_the_repositories_are_read_by_hand(whole: Lab) -> None:
    """As docs/backups.md says, with pgbackrest and restic alone."""
    job = ("runuser", "-u", "clm-backup", "--", "sh", "-c")
    keys = 'cd /etc/clm-backup/secrets; export %s="$(cat s3-access-key)" %s="$(cat s3-secret-key)"; '
    info = (
        keys
        % ("PGBACKREST_REPO1_S3_KEY", "PGBACKREST_REPO1_S3_KEY_SECRET")
        + 'export PGBACKREST_REPO1_CIPHER_PASS="$(cat database-passphrase)"; '
        "pgbackrest --config=/etc/clm-backup/pgbackrest.conf --stanza=clm info --output=json"
    )
    (stanza,) = json.loads(whole.host("backup1").run((*job, info)).stdout)
    assert stanza["status"]["code"] == 2  # no backup yet, but all else
    address = f"https://{whole.host('store1').address}:8334"
    snapshots = (
        keys
        % ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        + f"restic -r s3:{address}/clm-backups/restic/app1 --cacert /etc/clm-backup/storage-ca.pem "
        "--password-file files-passphrase --cache-dir /var/lib/clm-backup/cache snapshots --json"
    )
    assert json.loads(whole.host("backup1").run((*job, snapshots)).stdout) == []
