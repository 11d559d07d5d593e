"""Single tables out of a restore point on real hosts: as they were then, while all runs on; and nothing is left."""

from __future__ import annotations

import signal

import pytest

from clmdeploy.lab import Lab
from clmdeploy.lab.writes import AS_POSTGRES
from tests.lab.backups.test_restore import rows, sql
from tests.lab.command_line import CommandLine
from tests.lab.fleet import Fleet

pytestmark = [pytest.mark.timeout(1800), pytest.mark.full]
_DIGEST = "SELECT count(*), md5(string_agg(md5(x::text), ',' ORDER BY md5(x::text))) FROM {table} x"
_LEFT = """
ls -d /run/clm-aside /var/lib/postgresql/17/main-aside /root/side 2>/dev/null; ps -eo args | grep '[m]ain-aside'; true
"""


@pytest.fixture(scope="module")
def spoiled(fleet: Fleet, clmdeploy: CommandLine) -> tuple[Lab, str, str]:
    """A restore point, the digest of a table in it, and the moment before that table was spoiled."""
    lab = fleet.lab
    clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    sql(lab, 'CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."a b" (i int); INSERT INTO "Odd"."a b" VALUES (1);')
    clmdeploy("backup", "create", "-e", "lab", "--yes").expecting(0)
    digest = sql(lab, _DIGEST.format(table="subscribers"))
    sql(lab, 'INSERT INTO "Odd"."a b" VALUES (2);')
    at = sql(lab, "SELECT pg_sleep(1)::text || clock_timestamp() AT TIME ZONE 'UTC'") + "+00:00"
    sql(lab, 'SELECT pg_sleep(1); DROP TABLE "Odd"."a b"; UPDATE subscribers SET name = md5(id::text);')
    return lab, digest, at


def loaded(lab: Lab, host: str, file: str, table: str) -> str:
    """The digest of a dumped table, loaded into a database of its own as the documentation says."""
    dump = lab.host(host).run(("base64", "-w0", file)).stdout
    script = f"""
    set -e; umask 077; base64 -d > /tmp/one.dump <<'END'\n{dump}\nEND
    chown postgres /tmp/one.dump; su postgres -c 'dropdb --if-exists side; createdb side'
    su postgres -c "psql -qd side -c 'CREATE SCHEMA IF NOT EXISTS \\"Odd\\"'"
    su postgres -c 'pg_restore --no-owner --section=pre-data --section=data -d side /tmp/one.dump'
    rm /tmp/one.dump
    """
    lab.host("db1").run(("sh", "-s"), input=script)
    query = (*AS_POSTGRES, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "side")
    return lab.host("db1").run(query, input=_DIGEST.format(table=table)).stdout.strip()


def left(lab: Lab) -> str:
    return lab.host("db2").run(("sh", "-s"), input=_LEFT).stdout


def test_tables_come_back_beside_what_runs(spoiled: tuple[Lab, str, str], clmdeploy: CommandLine) -> None:
    """Of the point, each in a file for root alone; what runs is not touched, and the second cluster is gone."""
    lab, digest, _at = spoiled
    before = rows(lab)
    words = ("--table", "public.subscribers", "--table", "Odd.a b", "--to-directory", "/root/side", "--yes")
    clmdeploy("restore", "latest", "-e", "lab", *words).expecting(0)
    told = lab.host("db2").run(("stat", "-c", "%a %U %n", "/root/side", "/root/side/public.subscribers.dump")).stdout
    assert told == "700 root /root/side\n600 root /root/side/public.subscribers.dump\n"
    assert loaded(lab, "db2", "/root/side/public.subscribers.dump", "subscribers") == digest
    assert loaded(lab, "db2", "/root/side/Odd.a%20b.dump", '"Odd"."a b"').startswith("1|")
    assert left(lab) == "/root/side\n"
    assert rows(lab) == before
    lab.host("db2").run(("rm", "-r", "/root/side"))


def test_a_table_comes_back_as_of_a_moment(spoiled: tuple[Lab, str, str], clmdeploy: CommandLine) -> None:
    """With what was committed between the point and its end."""
    lab, _digest, at = spoiled
    words = ("--at", at, "--table", "Odd.a b", "--to-directory", "/root/side", "--yes")
    clmdeploy("restore", "-e", "lab", *words).expecting(0)
    assert loaded(lab, "db2", "/root/side/Odd.a%20b.dump", '"Odd"."a b"').startswith("2|")
    lab.host("db2").run(("rm", "-r", "/root/side"))


def test_a_table_that_is_not_there_leaves_nothing(spoiled: tuple[Lab, str, str], clmdeploy: CommandLine) -> None:
    """PostgreSQL's own words, everything taken back."""
    lab = spoiled[0]
    words = ("--table", "public.nosuch", "--to-directory", "/root/side", "--yes")
    ran = clmdeploy("restore", "latest", "-e", "lab", *words).expecting(4)
    assert "no matching tables" in ran.said
    assert left(lab) == ""


@pytest.mark.parametrize("way", ["abort", "resume"])
def test_a_killed_clmdeploy_leaves_nothing_behind(
    spoiled: tuple[Lab, str, str], clmdeploy: CommandLine, way: str
) -> None:
    """Neither the second cluster nor its server, after `abort` nor half of a dump; `resume` brings it to its end."""
    lab = spoiled[0]
    words = ("restore", "latest", "-e", "lab", "--table", "public.subscribers", "--to-directory", "/root/side", "--yes")
    running = clmdeploy.started(*words, "--lease-wait", "120")
    assert running.stdout is not None
    for line in running.stdout:
        if "/2 beside" in line and "Recover it" in line:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    newest = clmdeploy("change", "list", "-e", "lab", "--json").expecting(0).json["changes"][0]["id"]
    clmdeploy("change", way, newest, "-e", "lab").expecting(0)
    assert left(lab) == ("/root/side\n" if way == "resume" else "")
    lab.host("db2").run(("rm", "-rf", "/root/side"))
