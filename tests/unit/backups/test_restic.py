"""restic is asked for exactly one thing, and believed only as far as it is known to tell the truth."""

from __future__ import annotations

import os

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Outcome, Progress
from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.restic_order import FilesBackup, FilesRestore, escaped
from clmdeploy.model.errors import InvalidInput

ENGINE = Restic("rest:https://gate:8000/app1/", "app1", "/key", "/cache", authority="/ca", client_certificate="/pem")
ID = "40772ab05d0925954482c43d04f93afe26fdecbf6f3976abf1c2835b1d0ec3d1"
CHECKED = b'{"message_type":"summary","num_errors":0,"broken_packs":null,"suggest_repair_index":false}\n'


def test_paths_go_by_standard_input() -> None:
    """Any byte but NUL passes; none is read as an option or a pattern."""
    odd = os.fsdecode(b"/srv/\xff\n--x *")
    command = ENGINE.backup(FilesBackup(("/srv/a b", odd), ("clm-point=p1",)))
    assert command.stdin == b"/srv/a b\0/srv/\xff\n--x *\0"
    assert command.argv[:3] == ("restic", "backup", "--json")
    assert {"--host=app1", "--tag=clm-point=p1", "--files-from-raw=-"} < {*command.argv}
    assert command.environment["RESTIC_PROGRESS_FPS"] == "1"
    assert command.environment["RESTIC_PASSWORD_FILE"] == "/key"


@pytest.mark.parametrize("path", ["", "srv", "/srv/../etc", "//srv", "/srv/", "/a\0b", "/a/./b"])
def test_only_plain_absolute_paths_are_taken(path: str) -> None:
    """What is written in two ways is found missing in one."""
    with pytest.raises(InvalidInput):
        ENGINE.backup(FilesBackup((path,), ()))


def test_nothing_is_no_backup() -> None:
    """restic would read its list as empty and fail late."""
    with pytest.raises(InvalidInput, match="no path"):
        ENGINE.backup(FilesBackup((), ()))


def test_a_restore_in_place_covers_the_folders_own_mode_and_deletes_what_is_more() -> None:
    """So the parent is the target, and the one name a literal pattern."""
    argv = ENGINE.restore(FilesRestore(ID, "/srv/d [x]*")).argv
    chosen = ("--include", "/d \\[x\\]\\*", "--verify", "--delete", "--overwrite=always")
    assert argv[3:] == (f"{ID}:/srv", "--target", "/srv", *chosen)


def test_a_side_restore_deletes_nothing() -> None:
    """Whatever lies there."""
    argv = ENGINE.restore(FilesRestore(ID, "/srv/data", "/side")).argv
    assert argv[3:] == (f"{ID}:/srv", "--target", "/side", "--include", "/data", "--verify")


@pytest.mark.parametrize(("snapshot", "path"), [("latest", "/srv"), (ID[:8], "/srv"), (ID, "/"), (ID, "srv")])
def test_restores_name_snapshot_and_path_in_full(snapshot: str, path: str) -> None:
    """`latest` is whatever a host made last."""
    with pytest.raises(InvalidInput):
        ENGINE.restore(FilesRestore(snapshot, path))


@pytest.mark.parametrize(("name", "pattern"), [("a*", "a\\*"), ("[", "\\["), ("a\\b", "a\\\\b"), ("!x $y", "!x $y")])
def test_names_become_patterns_of_themselves(name: str, pattern: str) -> None:
    """filepath.Match has four special characters and the backslash."""
    assert escaped(name) == pattern


def test_snapshots_go_by_full_id_and_are_pruned_apart() -> None:
    """A hundred at a time; `forget --prune` would mix text into JSON."""
    commands = ENGINE.expire([ID] * 150)
    assert [command.argv[1] for command in commands] == ["forget", "forget", "prune"]
    assert [command.argv.count(ID) for command in commands] == [100, 50, 0]
    assert ENGINE.expire([]) == ()
    with pytest.raises(InvalidInput):
        ENGINE.expire(["latest"])


def test_checks_take_no_lock_and_no_single_snapshot() -> None:
    """restic 0.18 ends with 1 where it is given one."""
    assert "--no-lock" in ENGINE.verify().argv
    assert "--read-data" in ENGINE.verify_data().argv
    with pytest.raises(InvalidInput):
        ENGINE.verify(ID)


def test_a_sound_repository_has_no_findings() -> None:
    """Exit code, summary and errors agree."""
    assert ENGINE.findings(Completed(0, CHECKED)) == ()


@pytest.mark.parametrize(
    ("completed", "items", "words"),
    [
        (Completed(1, CHECKED), [""], "failed (code 1)"),
        (Completed(0, CHECKED.replace(b":0,", b":2,")), [""], "done"),
        (
            Completed(1, CHECKED.replace(b"null", b'["' + ID.encode() + b'"]').replace(b":0,", b":1,")),
            [f"data/40/{ID}"],
            "pack is damaged",
        ),
        (
            Completed(1, CHECKED, b'{"message_type":"error","message":"error for tree 59981fbc:\\n"}\nplain text\n'),
            [""],
            "error for tree 59981fbc:",
        ),
    ],
)
def test_whatever_disagrees_is_a_finding(completed: Completed, items: list[str], words: str) -> None:
    """Packs are named as the objects that they are."""
    found = ENGINE.findings(completed)
    assert [one.item for one in found] == items
    assert words in found[0].words


def test_advice_is_no_finding() -> None:
    """restic tells it as errors."""
    said = b'{"message_type":"error","message":"\\nThe repository contains damaged pack files. These"}\n'
    assert ENGINE.findings(Completed(0, CHECKED, said)) == ()


@pytest.mark.parametrize("said", [b"", b"text\n", CHECKED * 2, b'{"message_type":"summary","num_errors":"0"}\n'])
def test_a_check_without_a_summary_is_no_all_clear(said: bytes) -> None:
    """Nor one with two."""
    with pytest.raises(Unintelligible):
        ENGINE.findings(Completed(0, said))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Outcome.DONE),
        (1, Outcome.FAILED),
        (2, Outcome.FAILED),
        (3, Outcome.PARTIAL),
        (10, Outcome.MISSING),
        (11, Outcome.HELD),
        (12, Outcome.REFUSED),
        (99, Outcome.FAILED),
        (130, Outcome.INTERRUPTED),
        (-15, Outcome.INTERRUPTED),
    ],
)
def test_exit_codes_are_told_apart(code: int, outcome: Outcome) -> None:
    """Those that are not known are failures."""
    assert ENGINE.ending(Completed(code)).outcome is outcome


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (b'text\n{"message_type":"exit_error","code":10,"message":"Fatal: no\\nrepository"}\n', "Fatal: no repository"),
        (b"unknown flag: --x\n", "unknown flag: --x"),
        (b"\xff\n", "\ufffd"),
        (b'{"message_type":"exit_error","code":"x"}\n', "exit_error"),
    ],
)
def test_its_last_words_say_why(stderr: bytes, words: str) -> None:
    """Whether JSON, text or rubbish."""
    assert words in ENGINE.ending(Completed(1, stderr=stderr)).words


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (
            b'{"message_type":"status","percent_done":0.5,"files_done":2,"total_bytes":9,"bytes_done":5}',
            Progress(5, 9, 2),
        ),
        (b'{"message_type":"status","percent_done":0}', Progress(0, 0, 0)),
        (
            b'{"message_type":"status","total_bytes":9,"bytes_restored":2,"bytes_skipped":3,"files_restored":1}',
            Progress(5, 9, 1),
        ),
        (b'{"message_type":"verbose_status","action":"new"}', None),
        (b"rubbish", None),
        (b"", None),
    ],
)
def test_progress_is_in_bytes(line: bytes, progress: Progress | None) -> None:
    """Of a backup and of a restore."""
    assert ENGINE.progress(line) == progress


def test_its_version_is_read_from_json() -> None:
    """Go's own version stands there too."""
    said = b'{"message_type":"version","version":"0.18.0","go_version":"go1.24.4","go_os":"linux","go_arch":"amd64"}\n'
    assert ENGINE.read_version(said) == (0, 18, 0)
