"""Points whose database is a dump, on real hosts: made, read back, restored, removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from clmdeploy.lab.writes import AS_POSTGRES
from tests.lab.command_line import CommandLine

pytestmark = [pytest.mark.timeout(1200), pytest.mark.full]
_FILL = """
CREATE TABLE large AS SELECT g, encode(sha512((random()::text || g)::bytea), 'hex') AS a
  FROM generate_series(1, 400000) g;
ALTER TABLE large ADD PRIMARY KEY (g); CREATE TABLE nothing (x int); COMMENT ON TABLE nothing IS 'it''s empty';
CREATE TABLE small AS SELECT g, md5(g::text) AS m FROM generate_series(1, 1000) g; CREATE SEQUENCE s START 42;
SELECT nextval('s'); SELECT count(lo_from_bytea(0, decode(repeat('ab', 100000), 'hex'))) FROM generate_series(1, 5);
"""
_DIGEST = """
SELECT count(*), md5(string_agg(md5(x::text), ',' ORDER BY g)) FROM large x; SELECT count(*), sum(g) FROM small;
SELECT count(*), md5(string_agg(md5(lo_get(oid)), ',')) FROM pg_largeobject_metadata; SELECT last_value FROM s;
SELECT obj_description('nothing'::regclass);
SELECT pg_get_userbyid(datdba), datacl FROM pg_database WHERE datname = 'clm';
"""
_WRECK = "DELETE FROM large WHERE g < 200000; DROP TABLE small; CREATE TABLE wrecked (i int);"
_STORE = """
cd /etc/clm-backup/secrets
export AWS_ACCESS_KEY_ID=$(cat s3-access-key) AWS_SECRET_ACCESS_KEY=$(cat s3-secret-key)
store() {{ /usr/local/bin/rclone --config /etc/clm-gateway/rclone.conf --ca-cert /etc/clm-backup/storage-ca.pem "$@"; }}
place=store:clm-backups/restic/db1/pgdump
{}
"""
_FLIP = """
one=$(store lsf $place/{point} | grep -v manifest | head -1)
store cat $place/{point}/$one > /tmp/one; printf X | dd of=/tmp/one bs=1 seek=1000 conv=notrunc status=none
store copyto /tmp/one $place/{point}/$one; echo $one
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Databases and a backup host, to be dumped: in the lab that all tests share, the log is archived."""
    spec = LabSpec(name=f"dump{os.getpid()}", apps=1, workers=0)
    try:
        yield Lab.up(spec)
    finally:
        take_down(spec.name)


@pytest.fixture(scope="module")
def clmdeploy(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line; set up for dumps, and a database with all sorts of things in it."""
    found = CommandLine.aimed_at(lab, tmp_path_factory.mktemp("dump"))
    settings = Path(found.environ["CLM_INVENTORIES"]) / "lab" / "clm.yml"
    settings.write_text(settings.read_text().replace("    group: db\n", "    group: db\n    engine: pgdump\n", 1))
    found("host", "setup", "-e", "lab", "--yes").expecting(0)
    found("backup", "setup", "-e", "lab", "--yes").expecting(0)
    sql(lab, _FILL)
    return found


def sql(lab: Lab, statement: str) -> str:
    command = (*AS_POSTGRES, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "clm")
    return lab.host("db1").run(command, input=statement).stdout.strip()


def stored(lab: Lab, script: str) -> str:
    """What a script says on the backup host, with the keys of the jobs."""
    return lab.host("backup1").run(("sh", "-s"), input=_STORE.format(script)).stdout.strip()


def made(clmdeploy: CommandLine) -> str:
    """A new point's ID."""
    told = clmdeploy("backup", "create", "-e", "lab", "--yes", "--json").expecting(0).json
    return str(told["point"])


def test_a_dump_is_restored_as_it_was(lab: Lab, clmdeploy: CommandLine) -> None:
    """Rows, large objects, sequences, owner; nothing of it stays on the disk, and no moment can be asked for."""
    before, point = sql(lab, _DIGEST), made(clmdeploy)
    assert "no point-in-time" in clmdeploy("backup", "show", point, "-e", "lab").expecting(0).stdout
    assert "no point in time" in clmdeploy("restore", "--at", "end", "-e", "lab", "--confirm", "lab").expecting(3).said
    sql(lab, _WRECK)
    clmdeploy("restore", point, "-e", "lab", "--only", "db", "--confirm", "lab").expecting(0)
    assert sql(lab, _DIGEST) == before
    assert sql(lab, "SELECT datname FROM pg_database WHERE datname LIKE 'clm%'") == "clm"
    assert lab.host("db1").run(("sh", "-c", "ls /var/spool/clm-dump")).stdout.split() == ["restored"]


def test_damage_is_named_and_refused(lab: Lab, clmdeploy: CommandLine) -> None:
    """A flipped byte spoils its own point alone; what was not asked of that point stays as it is."""
    point = made(clmdeploy)
    clmdeploy("backup", "verify", "-e", "lab").expecting(0)
    part = stored(lab, _FLIP.format(point=point))
    told = clmdeploy("backup", "verify", "-e", "lab").expecting(10).said
    assert f"DAMAGED restic/db1/pgdump/{point}/{part}" in told
    assert f"{point} can't be restored" in told
    assert told.count("can't be restored") == 1
    before = sql(lab, _DIGEST)
    clmdeploy("restore", point, "-e", "lab", "--only", "db", "--confirm", "lab").expecting(10)
    assert sql(lab, _DIGEST) == before


def test_dumps_go_with_their_points(lab: Lab, clmdeploy: CommandLine) -> None:
    """What retention lets go is gone from the storage; what stays is whole."""
    settings = Path(clmdeploy.environ["CLM_INVENTORIES"]) / "lab" / "clm.yml"
    rules = "  retention: {last: 1, daily: 0, weekly: 0, monthly: 0}\n  files:\n    passphrase:"
    settings.write_text(settings.read_text().replace("  files:\n    passphrase:", rules, 1))
    newest = made(clmdeploy)
    clmdeploy("backup", "verify", "-e", "lab").expecting(10)
    clmdeploy("backup", "expire", "-e", "lab", "--confirm", "lab").expecting(0)
    assert stored(lab, "store lsf $place") == f"{newest}/"
    clmdeploy("backup", "verify", "--all", "-e", "lab").expecting(0)
