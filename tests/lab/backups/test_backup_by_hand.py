"""`pgbackrest` and `restic` alone, by the very commands of docs/backups.md, bring back what was stored."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.lab import Lab
from tests.lab.backups.kit.database import Database, database_differences
from tests.lab.backups.kit.generated import CONTENT, GeneratedSet, State
from tests.lab.backups.kit.tree import TINY_TREE, digest_tree, on, tree_differences
from tests.lab.fleet import Fleet

pytestmark = pytest.mark.timeout(900)
GUIDE = Path(__file__).parents[3] / "docs" / "backups.md"
CHAPTER = "## Reading the repositories by hand"
SIDE, PLACE, PORT = "/var/lib/postgresql/side", "/var/lib/postgresql/by-hand", 5499
KEPT = ("s3-access-key", "s3-secret-key", "database-passphrase")
_SERVER = (
    f"/usr/lib/postgresql/17/bin/pg_ctl -D {SIDE} -w -t 120 -l {PLACE}/server.log -o '-p {PORT} -c listen_addresses='"
    f"' -c config_file=/etc/postgresql/17/main/postgresql.conf -c data_directory={SIDE} -c external_pid_file=' start\n"
)


@dataclass(frozen=True)
class Stored:
    """A point, and what was there when it was made."""

    lab: Lab
    before: State
    point: dict[str, Any]

    def as_jobs(self, script: str, account: str = "clm-backup") -> str:
        """On the backup host."""
        words = ("runuser", "-u", account, "--", "bash", "-eu")
        return self.lab.host("backup1").run(words, input=script, timeout=300).stdout


@pytest.fixture(scope="module")
def stored(fleet: Fleet) -> Iterator[Stored]:
    fleet.clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    kit = GeneratedSet(fleet)
    kit.make(TINY_TREE, 2_000_000)
    before = kit.state()
    yield Stored(fleet.lab, before, kit.point())
    kit.leave()


@pytest.fixture
def side(stored: Stored) -> Iterator[Database]:
    """A place on the primary for another server beside it; nothing of it stays."""
    host = stored.lab.host("db1")
    host.run(("install", "-d", "-o", "postgres", "-m", "700", SIDE, PLACE))
    yield Database(host, port=PORT)
    stop = f"/usr/lib/postgresql/17/bin/pg_ctl -D {SIDE} -m immediate stop"
    host.run(("runuser", "-u", "postgres", "--", "sh", "-c", stop), check=False)
    host.run(("rm", "-rf", SIDE, PLACE))


def blocks() -> list[str]:
    """The commands of the chapter, block by block."""
    chapter = GUIDE.read_text("utf-8").partition(CHAPTER)[2].partition("\n## ")[0]
    found = re.findall(r"(?:^    .+\n)+", chapter, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def block(words: str) -> str:
    """The one with these words in it."""
    (found,) = [one for one in blocks() if words in one]
    return found


def keys(place: str) -> str:
    """The lines that make secrets known to pgBackRest, for files in another place."""
    lines = [line for line in block("stanza=clm info").splitlines() if line.startswith(("cd ", "export "))]
    return "\n".join(lines).replace("/etc/clm-backup/secrets", place) + "\n"


def test_pgbackrest_tells_what_is_there(stored: Stored) -> None:
    """As the account of the jobs, on the backup host."""
    way_in, _, commands = block("stanza=clm info").partition("\n")
    assert way_in == "runuser -u clm-backup -- bash"
    assert stored.point["database"]["label"] in stored.as_jobs(commands)


def test_the_database_is_restored_without_the_backup_host(stored: Stored, side: Database) -> None:
    """On a machine with PostgreSQL, the keys and the passphrase: every table is equal."""
    host, backup = stored.lab.host("db1"), stored.lab.host("backup1")
    config = backup.run(("cat", "/etc/clm-backup/pgbackrest.conf")).stdout.splitlines()
    own = [line for line in config if line.startswith("repo1-")]
    text = "\n".join(["[global]", *own, "[clm]", f"pg1-path={SIDE}", ""])
    files = {name: backup.run(("cat", f"/etc/clm-backup/secrets/{name}")).stdout for name in KEPT}
    files["ca.pem"] = backup.run(("cat", "/etc/clm-backup/storage-ca.pem")).stdout
    files["side.conf"] = text.replace("/etc/clm-backup/storage-ca.pem", f"{PLACE}/ca.pem")
    for name, content in files.items():
        host.run(("install", "-o", "postgres", "-m", "600", "/dev/stdin", f"{PLACE}/{name}"), input=content)
    restore = block("--archive-mode=off restore").replace("FILE", f"{PLACE}/side.conf")
    script = keys(PLACE) + restore + _SERVER
    host.run(("runuser", "-u", "postgres", "--", "bash", "-eu"), input=script, timeout=300)
    deadline = time.monotonic() + 60
    while side.query("SELECT pg_is_in_recovery()").strip() != "f":
        assert time.monotonic() < deadline, "recovery does not end"
        time.sleep(0.5)
    assert database_differences(stored.before.rows, side.digest()) == []


def test_restic_brings_the_files_back(stored: Stored) -> None:
    """On the backup host as root, into another directory: every file is equal."""
    (snapshot,) = [one["snapshot"] for one in stored.point["files"] if one["path"] == CONTENT]
    address = f"{stored.lab.host('store1').address}:8334/clm-backups/restic/worker1"
    script = f"umask 077; mkdir /var/tmp/somewhere; cd /etc/clm-backup/secrets\n{block('--target /somewhere')}"
    for word, value in {
        "S3HOST:PORT/BUCKET/restic/HOST": address, "SNAPSHOT": snapshot, "/somewhere": "/var/tmp/somewhere",
    }.items():  # fmt: skip
        script = (
            script.replace(word, value)
            if word != "/somewhere"
            else script.replace("--target /somewhere", f"--target {value}")
        )
    try:
        assert snapshot[:8] in stored.as_jobs(script, "root")
        now = digest_tree(on(stored.lab.host("backup1")), f"/var/tmp/somewhere{CONTENT}")
        assert tree_differences(stored.before.files, now) == []
    finally:
        stored.lab.host("backup1").run(("rm", "-rf", "/var/tmp/somewhere"))


def test_a_hosts_password_is_what_the_guide_says(stored: Stored) -> None:
    """The command of the guide gives the very password that the host has."""
    told = stored.as_jobs(f"cd /etc/clm-backup/secrets\n{block('hmac')}").strip()
    assert told == stored.lab.host("app1").run(("cat", "/etc/clm-backup/restic-password")).stdout.strip()
    assert json.dumps(told).isascii()
