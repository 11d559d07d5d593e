"""The works of a restore: their commands, and what is read from what engines said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.pgbackrest_recovery import Target
from clmdeploy.backups.restore_works import Goal, Restorable, RestoreDatabase, RestoreFiles
from clmdeploy.backups.work import WorkFailed

LABEL = "20260105-010203F"
DATA = "/var/lib/postgresql/17/main"
NAME = Goal.of(Target("name", "clm-x", 1)).model_dump(mode="json")
DATABASE: dict[str, Any] = {"stanza": "clm", "label": LABEL, "data": DATA, "goal": NAME}
FILES: dict[str, Any] = {
    "repository": "rest:https://b:8000/app1/", "host": "app1",
    "trees": [{"path": "/opt/clm/a b", "snapshot": "a" * 64}],
}  # fmt: skip
SUMMARY = b'{"message_type":"summary","total_files":3,"total_bytes":10}\n'


def test_the_database_is_restored_by_its_owner_to_a_name_on_its_timeline() -> None:
    """By delta; the backup is always said, since pgBackRest's own choice knows no timelines."""
    (command,) = RestoreDatabase().commands(DATABASE)
    assert command.user == "postgres"
    for word in (f"--set={LABEL}", "--delta", "--type=name", "--target=clm-x", "--target-timeline=1"):
        assert word in command.argv


@pytest.mark.parametrize(
    ("present", "goal", "state"),
    [
        (["global/pg_control"], NAME, "not-done"),
        (["backup.manifest"], NAME, "partial"),
        (["global/pg_control", "backup.manifest"], NAME, "partial"),
        ([], NAME, "partial"),
        (["global/pg_control", "backup_label", "recovery.signal"], NAME, "done"),
        (["global/pg_control", "recovery.signal"], NAME, "not-done"),
        (["global/pg_control", "backup_label", "recovery.signal"], {"kind": "standby"}, "not-done"),
        (["global/pg_control", "backup_label", "standby.signal"], {"kind": "standby"}, "done"),
        (["global/pg_control", "standby.signal"], {"kind": "standby"}, "not-done"),
    ],
)
def test_how_far_a_restore_came_is_seen_from_its_files(present: list[str], goal: dict[str, Any], state: str) -> None:
    """The control file goes first and comes back last; a standby that runs was not restored just because it is one."""
    said = "".join(f"{DATA}/{name}\n" for name in present).encode()
    found = RestoreDatabase().state(DATABASE | {"goal": goal}, [Completed(1, said)])
    assert found["state"] == state


def test_a_tree_goes_back_exactly_or_beside() -> None:
    """In place what is not in the snapshot is deleted; beside, nothing is."""
    (place,) = RestoreFiles().commands(FILES)
    (beside,) = RestoreFiles().commands(FILES | {"side": "/root/side"})
    assert {"--delete", "--overwrite=always", "--verify"} <= set(place.argv)
    assert "--delete" not in beside.argv
    assert beside.argv[beside.argv.index("--target") + 1] == "/root/side"
    assert RestoreFiles().read(FILES, [Completed(0, SUMMARY)]) == {
        "trees": [{"path": "/opt/clm/a b", "files": 3, "bytes": 10}]
    }


def test_a_file_that_could_not_be_written_is_named() -> None:
    """restic's exit code alone says only that there was one."""
    told = b'{"message_type":"error","error":{"message":"no space left on device"},"during":"restore","item":"/a/b"}\n'
    with pytest.raises(WorkFailed, match="/a/b: no space left on device"):
        RestoreFiles().read(FILES, [Completed(1, SUMMARY, told)])


SPAN: dict[str, Any] = {
    "stanza": "clm", "label": LABEL, "start": "000000010000000000000003", "until": "000000010000000000000005",
}  # fmt: skip


def listed(*numbers: int) -> bytes:
    names = {f"17-1/0000000100000000/{1:08X}{0:08X}{number:08X}-{'a' * 40}.zst": {"type": "file", "size": 1}
             for number in numbers}  # fmt: skip
    return json.dumps({".": {"type": "path"}, **names}).encode()


def info(label: str = LABEL, error: bool = False) -> bytes:
    backup = {
        "label": label, "type": "full", "prior": None, "reference": None,
        "archive": {"start": SPAN["start"], "stop": SPAN["start"]}, "lsn": {"start": "0/3000028", "stop": "0/3000100"},
        "timestamp": {"start": 1, "stop": 2}, "database": {"id": 1, "repo-key": 1}, "error": error,
        "info": {"size": 1, "delta": 1, "repository": {"delta": 1}}, "backrest": {"format": 5, "version": "2.55.1"},
    }  # fmt: skip
    stanza = {
        "name": "clm", "cipher": "none", "status": {"code": 0, "message": "ok", "lock": {"backup": {"held": False}}},
        "db": [{"id": 1, "system-id": 7, "version": "17", "repo-key": 1}], "archive": [], "backup": [backup],
    }  # fmt: skip
    return json.dumps([stanza]).encode()


@pytest.mark.parametrize(("numbers", "whole"), [((3, 4, 5), True), ((3, 5), False), ((), False)])
def test_whether_the_log_is_whole_can_be_asked(numbers: tuple[int, ...], whole: bool) -> None:
    """A point that was pinned alone has none of it: that is an answer, and no failure."""
    completed = [Completed(0, info()), Completed(0, listed(*numbers))]
    assert Restorable().read(SPAN | {"tells": True}, completed) == {"whole": whole}


@pytest.mark.parametrize(
    ("told", "there", "fault"),
    [
        (info(), listed(3, 4, 5, 6), ""),
        (info(), listed(3, 5), "lacks 1 segments.*000000010000000000000004"),
        (info(), listed(3), "lacks 2 segments.*000000010000000000000004"),
        (info(), b'{".":{"type":"path"}}', "lacks 3 segments"),
        (info("20260101-000000F"), listed(3, 4, 5), "no backup"),
        (info(error=True), listed(3, 4, 5), "wrong checksums"),
    ],
)
def test_nothing_is_touched_for_a_backup_that_can_not_be_restored(told: bytes, there: bytes, fault: str) -> None:
    """The backup is listed and sound, and every segment that recovery will read is there."""
    completed = [Completed(0, told), Completed(0, there)]
    assert len(Restorable().commands(SPAN)) == 2
    if not fault:
        assert Restorable().read(SPAN, completed) == {"segments": 3}
        return
    with pytest.raises(WorkFailed, match=fault):
        Restorable().read(SPAN, completed)
