"""Root on a database or application host: no key to the storage is there, and what is stored can't be taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from clmdeploy.lab import Lab
from clmdeploy.model.secret import Secret
from tests.lab.fleet import Fleet

pytestmark = pytest.mark.timeout(900)
BUCKET = "clm-backups"
HOSTS = ("db1", "db2", "worker1", "app1")
PLACES = ("/etc", "/var", "/run", "/root", "/home", "/opt", "/tmp", "/usr/local", "/dev/shm", "/srv")
# The values come by standard input: in an argument the search would find itself.
_SEARCH = r"""
umask 077; wanted=$(mktemp -p /dev); cat > $wanted; grep -rlFs -f $wanted "$@"
for one in /proc/[0-9]*; do
  cat $one/environ $one/cmdline 2>/dev/null | tr '\0' '\n' | grep -qFf $wanted && echo $one
done
systemctl show '*' 2>/dev/null | grep -qFf $wanted && echo units
journalctl --no-pager -q -o cat 2>/dev/null | grep -qFf $wanted && echo journal
rm $wanted
"""
_TLS = "/etc/clm-backup/tls"


@dataclass(frozen=True)
class Target:
    """A restore point, and the bucket that it is in, seen by the storage's owner."""

    fleet: Fleet
    point: dict[str, Any]

    @property
    def lab(self) -> Lab:
        return self.fleet.lab

    def client(self, who: str) -> Any:
        """With the keys of `backup`, `archive` or `files`."""
        access, secret = (secrets(self.lab)[f"{who}-{kind}-key"] for kind in ("access", "secret"))
        return replace(self.lab.storage, access_key=access, secret_key=Secret(secret)).client()

    def stored(self, prefix: str) -> dict[str, str]:
        """Key → ETag of everything that lies below a prefix."""
        pages = self.client("backup").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {one["Key"]: one["ETag"] for page in pages for one in page.get("Contents", [])}

    def ask(self, path: str, *words: str) -> str:
        """The HTTP status that the worker gets from the gateway, with the certificate that it has."""
        address = f"https://{self.lab.host('backup1').address}:8000{path}"
        own = ("--cacert", f"{_TLS}/ca.pem", "--cert", f"{_TLS}/cert.pem", "--key", f"{_TLS}/key.pem")
        command = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", "--max-time", "20", *own)
        return self.lab.host("worker1").run((*command, *words, address), check=False).stdout.strip()

    def pgbackrest(self, *words: str) -> tuple[int, str]:
        """On the primary as root, past its configuration: straight at the server on the backup host."""
        command = ("runuser", "-u", "postgres", "--", "pgbackrest", "--stanza=clm", "--log-level-console=warn")
        ran = self.lab.host("db1").run((*command, *words), check=False, timeout=120)
        return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def target(fleet: Fleet) -> Target:
    run = fleet.clmdeploy
    run("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    made = run("backup", "create", "-e", "lab", "--yes", "--json").expecting(0).json["point"]
    return Target(fleet, run("backup", "show", made, "-e", "lab", "--json").expecting(0).json["point"])


def secrets(lab: Lab) -> dict[str, str]:
    """All that only the backup host may have, by name."""
    files = lab.inventories / "lab" / "secrets"
    names = [f"{who}-{kind}-key" for who in ("backup", "archive", "files") for kind in ("access", "secret")]
    return {name: (files / name).read_text().strip() for name in (*names, "database-passphrase", "files-passphrase")}


def findings(lab: Lab, host: str) -> list[str]:
    """Files, processes and records of a host that hold one of them."""
    values = "\n".join(secrets(lab).values()) + "\n"
    command = ("sh", "-c", _SEARCH, "sh", *PLACES)
    return lab.host(host).run(command, input=values, check=False, timeout=300).stdout.splitlines()


@pytest.fixture
def at_work(target: Target) -> Iterator[None]:
    """A backup is running the whole time."""
    process = target.fleet.clmdeploy.started("backup", "create", "-e", "lab", "--yes", "--events", "--type", "full")
    assert process.stdout is not None
    for line in process.stdout:
        if '"step-started"' in line and '"database"' in line:
            break
    yield
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said


@pytest.mark.usefixtures("at_work")
def test_no_key_is_to_be_found_while_a_backup_runs(target: Target) -> None:
    """In no file, process, unit or journal of any host but the backup host; there the same search finds them."""
    found = {host: findings(target.lab, host) for host in HOSTS}
    assert found == {host: [] for host in HOSTS}
    assert any(path.startswith("/etc/clm-backup/secrets/") for path in findings(target.lab, "backup1"))


def test_the_gateway_lets_nobody_delete_or_overwrite(target: Target) -> None:
    """One of each kind of object of the host's own repository, by every verb; what is stored stays as it is."""
    before = target.stored("restic/worker1/")
    kinds = {key.split("/")[2] for key in before}
    assert {"config", "data", "index", "keys", "snapshots"} <= kinds
    for kind in kinds - {"locks"}:
        key = next(one for one in before if one.split("/")[2] == kind)
        parts = key.removeprefix("restic").split("/")
        path = "/".join([*parts[:3], parts[-1]]) if kind != "config" else "/worker1/config"
        assert target.ask(path) == "200", f"{path} is no address of {key}"
        for words in (("-X", "DELETE"), ("-X", "POST", "-d", "x"), ("-X", "PUT", "-d", "x"), ("-X", "MOVE")):
            assert target.ask(path, *words) in ("403", "405"), f"{words} {path}"
    assert target.ask("/worker1/", "-X", "DELETE") in ("403", "404", "405")
    assert target.ask("/worker1/?create=true", "-X", "POST") in ("200", "403")
    after = target.stored("restic/worker1/")
    assert {key: after.get(key) for key in before} == before


@pytest.mark.parametrize(
    "path",
    ["/app1/config", "/worker1/../app1/config", "/config",
     "/worker1/%2e%2e/app1/config", "//app1/config", "/worker1/..%2fapp1/config",
     "/APP1/config", "/worker1/data/../../app1/config"],
)  # fmt: skip
def test_the_gateway_shows_a_host_nobody_elses_repository(target: Target, path: str) -> None:
    """However its address is written."""
    assert target.ask(path) in ("400", "401", "403", "404")
    assert target.ask(path, "-X", "POST", "-d", "x") in ("400", "401", "403", "404", "405")
    assert target.ask(path, "-X", "DELETE") in ("400", "401", "403", "404", "405")


def test_restic_itself_removes_nothing_through_the_gateway(target: Target) -> None:
    """`forget --prune` with all that the host has is refused; the point's snapshots are still there."""
    repository = f"rest:https://{target.lab.host('backup1').address}:8000/worker1/"
    own = ("--password-file", "/etc/clm-backup/restic-password", "--cacert", f"{_TLS}/ca.pem")
    command = ("restic", "-r", repository, *own, "--tls-client-cert", f"{_TLS}/client.pem", "--no-cache")
    before = target.stored("restic/worker1/")
    ran = target.lab.host("worker1").run((*command, "forget", "latest", "--prune"), check=False, timeout=300)
    assert "unable to remove" in ran.stdout + ran.stderr  # its exit code may well be 0
    after = target.stored("restic/worker1/")
    assert {key: after.get(key) for key in before} == before


def test_through_pgbackrest_a_database_host_removes_nothing(target: Target) -> None:
    """Expiry, deletion of the stanza, a backup over the last: refused by the server or the storage."""
    label = target.point["database"]["label"]
    before = target.stored("pgbackrest/")
    attempts = {
        ("expire", f"--set={label}"), ("expire", "--repo1-retention-full=1"), ("stop", "--force"),
        ("stanza-delete", "--force"), ("stanza-create",), ("backup", "--type=full", "--no-online", "--force"),
        ("repo-put", f"backup/clm/{label}/backup.manifest"), ("repo-rm", f"backup/clm/{label}"),
        ("repo-rm", "archive/clm"),
    }  # fmt: skip
    said = {words: target.pgbackrest(*words) for words in sorted(attempts)}
    target.pgbackrest("start")
    after = target.stored("pgbackrest/")
    assert {key: after.get(key) for key in before} == before, json.dumps({str(key): said[key] for key in said})
    told = target.fleet.clmdeploy("backup", "create", "-e", "lab", "--yes")
    assert told.code == 0, told.said


def test_what_a_database_host_may_ask_for_removes_nothing(target: Target) -> None:
    """With the server's key itself, which pgBackRest's protocol tells: nothing is deleted, and what is overwritten
    stays below the new version, for any key.
    """
    client, keys = target.client("archive"), target.stored("pgbackrest/")
    segment = next(key for key in keys if key.startswith("pgbackrest/archive/clm/") and key.endswith(".zst"))
    whole = next(key for key in keys if f"/{target.point['database']['label']}/" in key)
    for key in (segment, whole):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_object(Bucket=BUCKET, Key=whole, Body=b"rubbish")
    owner = target.client("backup")
    first = owner.get_object(Bucket=BUCKET, Key=segment)
    body, version = first["Body"].read(), first["VersionId"]
    client.put_object(Bucket=BUCKET, Key=segment, Body=b"rubbish")
    try:
        for who in ("archive", "files", "backup"):
            with pytest.raises(ClientError, match="AccessDenied"):
                target.client(who).delete_object(Bucket=BUCKET, Key=segment, VersionId=version)
        kept = client.get_object(Bucket=BUCKET, Key=segment, VersionId=version)["Body"].read()
        assert kept == body
    finally:
        owner.put_object(Bucket=BUCKET, Key=segment, Body=body)
