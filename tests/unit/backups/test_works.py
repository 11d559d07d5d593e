"""The works of a restore point: which commands they are, and what is believed of what engines say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.pgbackrest_works import Archived, Check, TakeBackup
from clmdeploy.backups.postgres_works import NamedPoint, Role
from clmdeploy.backups.restic_works import FilesBackupWork, FilesCheck
from clmdeploy.backups.work import WorkFailed
from clmdeploy.backups.works import WORKS
from clmdeploy.model.errors import ClmError

CHANGE = "20261123-190322627-backup-b7fc"
POINT = "20261123-190322627-b7fc01"
ORDER = {"stanza": "clm", "processes": 2, "type": "full", "change": CHANGE, "local": 1, "more": 1}
OK = Completed(0)
UNCHECKED = b"WARN: unable to check pg1: [LockAcquireError] held\nERROR: [056]: no primary cluster - cannot proceed\n"


def backup(label: str = "20261123-190524F", **changes: Any) -> dict[str, Any]:
    """As `pgbackrest info` tells of one."""
    kind = {"F": "full", "D": "diff", "I": "incr"}[label[-1]]
    return {
        "label": label, "type": kind, "prior": None, "reference": None,
        "archive": {"start": "000000010000000000000008", "stop": "000000010000000000000009"},
        "lsn": {"start": "0/8000028", "stop": "0/9000088"}, "timestamp": {"start": 1, "stop": 2},
        "database": {"id": 1, "repo-key": 1},
        "info": {"size": 31130870, "delta": 31130870, "repository": {"delta": 3762224}},
        "annotation": {"clm-point": POINT}, "backrest": {"format": 5, "version": "2.55.1"}, **changes,
    }  # fmt: skip


def info(*backups: dict[str, Any], code: int = 0, held: bool = False) -> Completed:
    told = [{
        "name": "clm", "cipher": "aes-256-cbc",
        "status": {"code": code, "message": "told", "lock": {"backup": {"held": held}}},
        "db": [{"id": 1, "system-id": 7711443416426315844, "version": "17", "repo-key": 1}],
        "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1", "min": None, "max": None}],
        "backup": list(backups),
    }]  # fmt: skip
    return Completed(0, json.dumps(told).encode())


def found(**changes: Any) -> dict[str, Any]:
    return {**TakeBackup().read(ORDER, [OK, info(backup())]), **changes}


def named(**changes: Any) -> dict[str, Any]:
    return {
        "name": f"clm-{POINT}", "lsn": "0/A000090", "timeline": 1, "segment": "00000001000000000000000A",
        "segment_size": 16777216, "system_id": "7711443416426315844", "size": 30_000_000,
        "counters": {"inserted": 1, "updated": 2, "deleted": 3}, **changes,
    }  # fmt: skip


def test_a_backup_is_found_by_the_point_noted_on_it() -> None:
    """Not by being the newest: others may be listed after it."""
    other = backup("20261123-200000F", annotation={})
    told = TakeBackup().read(ORDER, [OK, info(backup(), other)])
    assert (told["label"], told["system_id"], told["archive"]) == ("20261123-190524F", "7711443416426315844", "17-1")
    assert TakeBackup().state(ORDER, [info(backup())]) == {"state": "done", **found()}


def test_the_point_is_noted_when_the_backup_is_taken() -> None:
    """Its ID follows from the change; secrets are named by their files alone."""
    command, listing = TakeBackup().commands(ORDER)
    assert f"--annotation=clm-point={POINT}" in command.argv
    assert (command.user, listing.user) == ("clm-backup", "clm-backup")
    assert set(command.secrets.values()) == {
        "/etc/clm-backup/secrets/s3-access-key", "/etc/clm-backup/secrets/s3-secret-key",
        "/etc/clm-backup/secrets/database-passphrase",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        ([Completed(82, b"", b"ERROR: [082]: WAL segment was not archived")], "082|82"),
        ([Completed(0), info()], "lists no backup"),
        ([Completed(0), info(backup(error=True))], "wrong checksums"),
        ([Completed(0), info(backup(archive={"start": None, "stop": None}))], "no log"),
        ([Completed(0), info(backup(info={"size": 0, "delta": 0, "repository": {"delta": 0}}))], "empty"),
        ([Completed(-15, late=True)], "too long"),
        ([Completed(-9)], "pgBackRest: ended by signal 9"),
        ([Completed(56, b"", UNCHECKED)], "no primary.*LockAcquireError"),
    ],
)
def test_a_backup_that_is_no_success_is_told_so(completed: list[Completed], words: str) -> None:
    """Also where pgBackRest itself calls it one."""
    with pytest.raises(WorkFailed, match=words):
        TakeBackup().read(ORDER, completed)


def test_a_backup_that_still_runs_is_not_called_undone() -> None:
    """Nobody begins a second one beside it."""
    assert TakeBackup().state(ORDER, [info(held=True)]) == {"state": "partial"}
    assert TakeBackup().state(ORDER, [info()]) == {"state": "not-done"}


def test_the_check_names_the_repository_before_what_follows_from_it() -> None:
    """`info` always ends with 0; what it says comes first."""
    version = Completed(0, b"2055001")
    assert Check().read(ORDER, [version, info(code=2), OK]) == {"version": "2.55.1", "backups": 0, "size": 0}
    with pytest.raises(WorkFailed, match="can't be read"):
        Check().read(ORDER, [version, info(code=99), Completed(49)])
    with pytest.raises(WorkFailed, match="another backup"):
        Check().read(ORDER, [version, info(held=True), OK])
    with pytest.raises(WorkFailed, match="WAL"):
        Check().read(ORDER, [version, info(), Completed(82, b"", b"ERROR: [082]: WAL segment was not archived")])


def results(**changes: Any) -> dict[str, Any]:
    return {**ORDER, "results": {"database": {"backup1": found()}, "named-point": {"db1": named(**changes)}}}


def test_the_log_is_awaited_up_to_the_named_point() -> None:
    """Every segment from the end of the backup, folder by folder."""
    (command,) = Archived().commands(results())
    assert command.awaits == ('"000000010000000000000009-', '"00000001000000000000000A-')
    assert command.argv[-1] == "archive/clm/17-1/0000000100000000"
    assert Archived().read(results(), [OK])["segment"] == "00000001000000000000000A"
    across = results(lsn="1/1000090", segment="000000010000000100000001")
    assert [one.argv[-1][-16:] for one in Archived().commands(across)] == ["0000000100000000", "0000000100000001"]


def test_log_that_does_not_come_fails_with_the_remedy() -> None:
    """After the time limit, naming what is missing."""
    late = Completed(1, b"", b'not there: "00000001000000000000000A-', late=True)
    with pytest.raises(WorkFailed, match="00000001000000000000000A") as caught:
        Archived().read(results(), [late])
    assert "archive_command" in caught.value.hint


@pytest.mark.parametrize("change", [{"timeline": 2}, {"system_id": "1"}, {"lsn": "0/7000000"}])
def test_a_named_point_that_does_not_follow_the_backup_is_refused(change: dict[str, Any]) -> None:
    """Another primary, or another cluster: no recovery leads from one to the other."""
    with pytest.raises(WorkFailed, match="primary changed"):
        Archived().commands(results(**change))


SERVER = {"database": "clm", "port": 5432, "change": CHANGE, "local": 1}


def test_the_moment_is_named_and_the_log_switched() -> None:
    """Three statements of their own: LSN, where that is, switch."""
    (command,) = NamedPoint().commands(SERVER)
    assert command.user == "postgres"
    (naming,) = (one for one in command.argv if "pg_create_restore_point(name)" in one)
    assert f"'clm-{POINT}-' || replace(pg_current_wal_insert_lsn()::text, '/', '-')" in naming
    at = {"system_id": "7711443416426315844", "segment": "00000001000000000000000A", "segment_size": 16777216,
          "size": 30_000_000,
          "inserted": 1, "updated": 2, "deleted": 3, "at": 1767574923.5, "statistics": "-/17.5"}  # fmt: skip
    said = f"clm-{POINT}-0-A000010|0/A000090\n{json.dumps(at)}\n0/A0000A8\n".encode()
    told = NamedPoint().read(SERVER, [Completed(0, said)])
    counted = {"at": "2026-01-05T01:02:03.500000+00:00", "statistics": "-/17.5"}
    assert told == named(name=f"clm-{POINT}-0-A000010", counters=named()["counters"] | counted)


def test_another_try_at_naming_has_another_name() -> None:
    """Recovery stops at the first of a name, while the last one's place is what is written down."""
    said = [f"{name}|0/A000090\n{{}}\n0/A0000A8\n".encode() for name in ("", "clm-of-another-1")]
    for one in said:
        with pytest.raises(ClmError, match="unexpected output"):
            NamedPoint().read(SERVER, [Completed(0, one)])


def test_psql_s_own_words_are_told() -> None:
    """On a standby no point can be named."""
    with pytest.raises(WorkFailed, match="recovery is in progress"):
        NamedPoint().read(SERVER, [Completed(3, b"", b"ERROR:  recovery is in progress\n")])
    with pytest.raises(ClmError, match="unexpected output"):
        NamedPoint().read(SERVER, [Completed(0, b"0/A000090\n")])


def test_a_fork_is_known() -> None:
    """By its own function, or by its version."""
    told = {"standby": False, "version": "PostgreSQL 17.1", "archive_mode": "on", "pgpro": True, "system_id": "1",
            "size": 5}  # fmt: skip
    assert Role().read(SERVER, [Completed(0, json.dumps(told).encode())])["fork"] == "Postgres Pro"
    plain = json.dumps(told | {"pgpro": False}).encode()
    assert Role().read(SERVER, [Completed(0, plain)])["fork"] is None


TREES = {
    "repository": "rest:https://192.0.2.50:8000/db1/", "host": "db1", "paths": ["/etc/postgresql", "/srv/a b"],
    "change": CHANGE, "local": 1,
}  # fmt: skip
VERSION = Completed(0, b'{"message_type":"version","version":"0.18.0"}')


def test_paths_that_are_not_there_are_a_failure() -> None:
    """restic itself passes over them."""
    commands = FilesCheck().commands(TREES)
    assert commands[1].argv == ("stat", "--printf=%F\\n", "--", "/etc/postgresql", "/srv/a b")
    gone = Completed(1, b"directory\n", b"stat: cannot statx '/srv/a b': No such file or directory\n")
    with pytest.raises(WorkFailed, match="'/srv/a b': No such file"):
        FilesCheck().read(TREES, [VERSION, gone])
    with pytest.raises(WorkFailed, match=r"link.*/srv/a b"):
        FilesCheck().read(TREES, [VERSION, Completed(0, b"directory\nsymbolic link\n"), OK])
    assert FilesCheck().read(TREES, [VERSION, Completed(0, b"directory\ndirectory\n"), OK])["paths"] == 2


def summary(number: int, **changes: Any) -> Completed:
    told = {"message_type": "summary", "snapshot_id": f"{number:064x}", "total_files_processed": 8,
            "total_bytes_processed": 35000, "data_added_packed": 14000, **changes}  # fmt: skip
    return Completed(0, b'{"message_type":"status","percent_done":1}\n' + json.dumps(told).encode())


def snapshots(*paths: str) -> Completed:
    told = [{"id": f"{number:064x}", "time": "2026-11-23T19:16:00Z", "tree": "0" * 64, "paths": [path]}
            for number, path in enumerate(paths)]  # fmt: skip
    return Completed(0, json.dumps(told).encode())


def test_each_path_is_a_snapshot_of_its_own() -> None:
    """Summaries and the listing agree."""
    commands = FilesBackupWork().commands(TREES)
    assert [one.stdin for one in commands] == [b"/etc/postgresql\0", b"/srv/a b\0", b""]
    assert all(f"--tag=clm-point={POINT}" in one.argv for one in commands)
    told = FilesBackupWork().read(TREES, [summary(0), summary(1), snapshots("/etc/postgresql", "/srv/a b")])
    assert [(one["path"], one["snapshot"][-1], one["bytes"]) for one in told["trees"]] == [
        ("/etc/postgresql", "0", 35000), ("/srv/a b", "1", 35000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        (
            [Completed(3, b"", b'{"message_type":"error","error":{"message":"denied"},"item":"/etc/x"}')],
            "/etc/x: denied",
        ),
        ([summary(0), summary(1, snapshot_id=None), snapshots()], "no snapshot"),
        ([summary(0), summary(1), snapshots("/etc/postgresql")], "no snapshot"),
        ([summary(0), summary(1), snapshots("/etc/postgresql", "/srv")], "no snapshot"),
    ],
)
def test_half_a_snapshot_is_none(completed: list[Completed], words: str) -> None:
    """Files that could not be read, a snapshot that is not listed or of another path."""
    with pytest.raises(WorkFailed, match=words):
        FilesBackupWork().read(TREES, completed)


def test_snapshots_found_later_prove_nothing() -> None:
    """restic stores one also where it could not read everything: they are taken once more."""
    assert FilesBackupWork().state(TREES, [snapshots("/etc/postgresql", "/srv/a b")]) == {"state": "partial"}
    assert FilesBackupWork().state(TREES, [snapshots()]) == {"state": "not-done"}


def test_progress_is_read_in_bytes() -> None:
    """From restic's own messages, and from the share that pgBackRest's log tells."""
    line = b"P02 DETAIL: backup file db2:/var/lib/postgresql/17/main/base/5/1 (8KB, 25.00%) checksum " + b"a" * 40
    known = {"results": {"check-database": {"backup1": {"size": 1000}}}}  # of the newest backup: no plan has it in it
    told = WORKS["pgbackrest-backup"].progress(ORDER | known, line)
    assert told is not None
    assert (told.done, told.total) == (250, 1000)
    said = b'{"message_type":"status","bytes_done":5,"total_bytes":9,"files_done":1}'
    told = WORKS["restic-backup"].progress(TREES, said)
    assert told is not None
    assert (told.done, told.total, told.files) == (5, 9, 1)
