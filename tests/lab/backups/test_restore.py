"""Restore on real hosts: what was wrecked is as it was, a moment between transactions is hit, nobody sends twice."""

from __future__ import annotations

import re

import pytest

from clmdeploy.lab import Lab
from clmdeploy.lab.sample import write_release
from clmdeploy.lab.writes import AS_POSTGRES
from tests.lab.command_line import CommandLine, publish

pytestmark = [pytest.mark.timeout(1800), pytest.mark.full]
CONTENT = "/opt/clm/shared/content"
DATA, POSTGRES = "/var/lib/postgresql/17/main", "postgresql@17-main.service"
# As a damaged object shows itself: after the restore has begun, and at each try of this one backup.
_DAMAGED = """
mv /usr/bin/pgbackrest /usr/bin/pgbackrest.there
cat > /usr/bin/pgbackrest <<'END'
#!/bin/sh
case "$*" in *--set={label}*) rm -f {data}/global/pg_control; echo 'ERROR: [101]: damaged' >&2; exit 101;; esac
exec /usr/bin/pgbackrest.there "$@"
END
chmod 755 /usr/bin/pgbackrest
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_DIGEST = "SELECT count(*), md5(string_agg(md5(x::text), ',' ORDER BY md5(x::text))) FROM {table} x"
_FILES = r"""
cd /opt/clm/shared/content && find . -printf '%p %y %m %U %G %T@ %n %l\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort; getfacl -Rn .
find . -type f -links +1 -printf '%i\n' | sort | uniq -c | wc -l
"""
_MAKE_FILES = r"""
cd /opt/clm/shared/content; mkdir -p d/empty sticky; chmod 1777 sticky; echo hello > 'a b'
echo x > "$(printf 'new\nline')"
printf y > "$(printf '\377\376')"; chmod 0 "$(printf '\377\376')"; touch "$(printf 'n%.0s' $(seq 255))"
ln -s 'a b' link; ln 'a b' hard; truncate -s 5M sparse; setfacl -m u:nobody:r 'a b'; chown 1234:4321 sparse
touch -d 2001-02-03T04:05:06.789 d/empty
"""
_WRECK_FILES = "cd /opt/clm/shared/content; rm -rf d hard 'a b'; echo new > extra; chmod 777 sparse; ln -sfn /etc link"


@pytest.fixture(scope="module")
def backed_up(lab: Lab, clmdeploy: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The sample runs, has data, and backups are set up."""
    place = tmp_path_factory.mktemp("release")
    clmdeploy("host", "setup", "-e", "lab", "--yes").expecting(0)
    publish(clmdeploy, write_release("1.2.0", place / "1.2.0"), place / "bundles").expecting(0)
    words = ("--yes", "--soak", "1", "--no-restore-point", "nothing is there yet")
    clmdeploy("deploy", "1.2.0", "-e", "lab", *words).expecting(0)
    clmdeploy("backup", "setup", "-e", "lab", "--yes").expecting(0)
    seed = ("--property=User=clm", "--property=EnvironmentFile=/opt/clm/shared/clm.env", "/opt/clm/current/bin/seed")
    lab.host("app1").run(("systemd-run", "--quiet", "--wait", "--pipe", *seed, "--subscribers", "2000", "--if-empty"))
    on_worker(lab, _MAKE_FILES)
    return lab


def archived(lab: Lab) -> None:
    """All of the log that there is now is stored."""
    last = sql(lab, "SELECT pg_walfile_name(pg_switch_wal())")
    for _ in range(120):
        if sql(lab, "SELECT last_archived_wal FROM pg_stat_archiver") >= last:
            return
        sql(lab, "SELECT pg_sleep(0.5)")
    raise AssertionError(f"{last} is not archived")


def on_worker(lab: Lab, script: str, *, check: bool = True) -> str:
    return lab.host("worker1").run(("sh", "-s"), input=script, check=check).stdout.strip()


def sql(lab: Lab, statement: str) -> str:
    command = (*AS_POSTGRES, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "clm")
    return lab.host("db1").run(command, input=statement).stdout.strip()


def rows(lab: Lab) -> dict[str, str]:
    """Table → digest of all of its rows."""
    return {table: sql(lab, _DIGEST.format(table=table)) for table in sql(lab, _TABLES).splitlines()}


def files(lab: Lab) -> str:
    """Every file's content, mode, owner, times, links and access list."""
    return on_worker(lab, _FILES)


def worker(lab: Lab) -> str:
    return on_worker(lab, "systemctl is-active clm-worker", check=False)


def test_what_was_wrecked_is_as_it_was(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """Every table's digest and every file's content, mode, owner, times and links are equal; who sends is stopped."""
    on_worker(backed_up, "systemctl stop clm-worker")  # the data stands still
    clmdeploy("backup", "create", "-e", "lab", "--yes").expecting(0)
    before = rows(backed_up), files(backed_up)
    on_worker(backed_up, "systemctl start clm-worker")
    wreck = "DELETE FROM responses; DROP TABLE deliveries CASCADE; CREATE TABLE wrecked (i int);"
    sql(backed_up, f"BEGIN; LOCK TABLE responses, deliveries; {wreck} COMMIT;")  # in the order of those who write
    on_worker(backed_up, _WRECK_FILES)
    clmdeploy("restore", "latest", "-e", "lab", "--confirm", "lab").expecting(0)
    assert (rows(backed_up), files(backed_up)) == before
    assert worker(backed_up) != "active"
    status = clmdeploy("status", "-e", "lab", "--probe", "--json").expecting(0).json
    (stopped,) = [host["stopped"] for host in status["hosts"] if host["stopped"]]
    assert list(stopped) == ["worker"]
    assert "--start-workers" in status["next"]


def test_nobody_starts_who_sends_but_on_purpose(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """Neither a person at the host nor its boot; afterwards it starts like any unit."""
    assert on_worker(backed_up, "systemctl start clm-worker || echo refused", check=False) == "refused"
    backed_up.host("worker1").reboot()
    assert worker(backed_up) != "active"
    clmdeploy("restore", "--start-workers", "-e", "lab", "--yes").expecting(0)
    assert worker(backed_up) == "active"


def test_a_moment_between_two_transactions_is_hit(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """The earlier one is there, the later one is not; the standby follows the new timeline."""
    sql(backed_up, "CREATE TABLE moments (i int); INSERT INTO moments VALUES (1);")
    sql(backed_up, "SELECT pg_sleep(0.5)")
    at = sql(backed_up, "SELECT clock_timestamp() AT TIME ZONE 'UTC'") + "+00:00"
    sql(backed_up, "SELECT pg_sleep(0.5); INSERT INTO moments VALUES (2);")
    words = ("--at", at, "--confirm", "lab", "--start-workers")
    clmdeploy("restore", "-e", "lab", *words).expecting(0)
    assert sql(backed_up, "SELECT i FROM moments") == "1"
    assert sql(backed_up, "SELECT state FROM pg_stat_replication") == "streaming"
    assert worker(backed_up) == "active"


def test_a_moment_is_reached_although_the_primarys_data_is_gone(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """The archive knows the timeline and how far the log reaches; the standby's slot is made again."""
    clmdeploy("backup", "create", "-e", "lab", "--yes").expecting(0)
    sql(backed_up, "CREATE TABLE later (i int); INSERT INTO later VALUES (1);")
    at = sql(backed_up, "SELECT clock_timestamp() AT TIME ZONE 'UTC'") + "+00:00"
    sql(backed_up, "SELECT pg_sleep(0.5); INSERT INTO later VALUES (2);")
    archived(backed_up)
    rows_before = sql(backed_up, "SELECT count(*) FROM subscribers")
    backed_up.host("db1").run(("systemctl", "kill", "--signal=KILL", POSTGRES))
    backed_up.host("db1").run(("sh", "-c", f"rm -rf {DATA}; install -d -o postgres -g postgres -m 700 {DATA}"))
    words = ("--at", at, "--confirm", "lab", "--no-safety-point", "the disk was replaced")
    clmdeploy("restore", "-e", "lab", *words).expecting(0)
    assert sql(backed_up, "SELECT i FROM later") == "1"
    assert sql(backed_up, "SELECT count(*) FROM subscribers") == rows_before
    assert sql(backed_up, "SELECT state FROM pg_stat_replication") == "streaming"


def test_another_restore_takes_the_place_of_one_that_is_stuck(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """Past its point of no return neither resume nor abort helps; the command that is named does, and all serves."""
    clmdeploy("backup", "create", "-e", "lab", "--yes").expecting(0)
    label = clmdeploy("backup", "show", "latest", "-e", "lab", "--json").expecting(0).json["point"]["database"]["label"]
    sql(backed_up, "CREATE TABLE kept (i int)")
    on_primary = backed_up.host("db1").run
    on_primary(("sh", "-s"), input=_DAMAGED.format(label=label, data=DATA))
    assert clmdeploy("restore", "latest", "-e", "lab", "--confirm", "lab").code == 5
    assert clmdeploy("change", "resume", "-e", "lab").code == 5
    refused = clmdeploy("change", "abort", "-e", "lab").said
    assert clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes").code != 0
    (command,) = set(re.findall(r"clmdeploy (restore \S+ -e lab)", refused))
    clmdeploy(*command.split(), "--confirm", "lab", "--start-workers").expecting(0)
    on_primary(("mv", "/usr/bin/pgbackrest.there", "/usr/bin/pgbackrest"))
    assert sql(backed_up, "SELECT to_regclass('kept') IS NOT NULL") == "t"
    assert sql(backed_up, "SELECT state FROM pg_stat_replication") == "streaming"
    status = clmdeploy("status", "-e", "lab", "--probe", "--json").expecting(0).json
    assert not [host for host in status["hosts"] if host["stopped"]]
    assert worker(backed_up) == "active"


def test_a_part_goes_beside_what_runs(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """And nothing that runs is touched."""
    before = files(backed_up)
    words = ("--only", f"{CONTENT}/d", "--to-directory", "/root/side", "--yes")
    clmdeploy("restore", "latest", "-e", "lab", *words).expecting(0)
    assert on_worker(backed_up, "find /root/side/d -type d").split() == ["/root/side/d", "/root/side/d/empty"]
    assert files(backed_up) == before


def test_another_environment_gets_nobodys_personal_data(backed_up: Lab, clmdeploy: CommandLine) -> None:
    """Until it can be masked; what runs is not touched by the attempt."""
    before = rows(backed_up)
    clmdeploy("restore", "latest", "-e", "lab", "--into", "staging").expecting(3)
    assert rows(backed_up) == before
