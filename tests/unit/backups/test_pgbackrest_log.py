"""pgBackRest's log and exit codes mean something for whoever must go on."""

from __future__ import annotations

import pytest

from clmdeploy.backups import pgbackrest_log as log
from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Outcome, Progress
from clmdeploy.backups.pgbackrest_exit import ending

FILE = b"DETAIL: backup file db1:/var/lib/postgresql/17/main/base/1/2619 "


@pytest.mark.parametrize(
    ("line", "share"),
    [
        (FILE + b"(8KB, 12.50%) checksum " + b"a" * 40, 0.125),
        (FILE + b"(bundle 1/1024, 8.5KB, 100.00%) checksum " + b"a" * 40, 1.0),
        (FILE + b"(bundle 1/0, 16KB->8KB, 50.00%) checksum " + b"a" * 40, 0.5),
        (FILE + b"(0B, 50.00%)", 0.5),
        (b"DETAIL: match file from prior backup db1:/x (1GB, 7.01%) checksum " + b"a" * 40, 0.0701),
        (b"P01 DETAIL: restore file /x (1GB, 7.01%) checksum " + b"a" * 40, 0.0701),
        (b"INFO: new backup label = 20261123-010203F", None),
        (b"       (8KB, 12.50%)", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_lines_of_files_tell_how_much_is_done(line: bytes, share: float | None) -> None:
    """As a share of the whole; bytes come from the size that is known elsewhere."""
    assert log.share(line) == share
    assert log.progress_of(line, 1000) == (None if share is None else Progress(int(1000 * share), 1000))


def test_a_new_label_is_told_at_the_end() -> None:
    """And checked, since it becomes a path."""
    assert log.new_label(b"INFO: new backup label = 20261123-010203F\n") == "20261123-010203F"
    with pytest.raises(ValueError, match="not the name"):
        log.new_label(b"INFO: new backup label = ../x")


def test_an_expiry_tells_what_goes() -> None:
    """Truly or as a dry run."""
    full, incr = "20261123-010203F", "20261123-010203F_20261124-010203I"
    one = b"INFO: [DRY-RUN] repo1: expire adhoc backup set 20261123-010203F, 20261123-010203F_20261124-010203I"
    assert log.expired(one) == (full, incr)
    assert log.expired(b"INFO: repo1: expire adhoc backup 20261123-010203F") == (full,)
    first, last = "000000010000000000000001", "000000010000000000000009"
    wal = f"INFO: repo1: 17-1 remove archive, start = {first}, stop = {last}".encode()
    assert log.removed_wal(wal) == log.RemovedWal("17-1", first, last)
    assert log.removed_wal(one) is None


@pytest.mark.parametrize(
    ("code", "stderr", "outcome", "words"),
    [
        (0, b"", Outcome.DONE, "done"),
        (50, b"ERROR: [050]: unable to acquire lock on file '/run/x'", Outcome.HELD, "unable to acquire lock"),
        (82, b"WARN: x\nERROR: [082]: WAL segment was not archived", Outcome.UNAVAILABLE, "was not archived"),
        (75, b"ERROR: [075]: no set\n       HINT: y", Outcome.MISSING, "no set"),
        (58, b"ERROR: [058]: forked", Outcome.REFUSED, "forked"),
        (95, b"ERROR: [095]: cipher header invalid", Outcome.DAMAGED, "cipher"),
        (63, b"ERROR: [063]: terminated on signal [SIGTERM]", Outcome.INTERRUPTED, "SIGTERM"),
        (104, b"ERROR: [055]: no file\nERROR: [104]: expire command encountered 1 error(s)", Outcome.FAILED, "no file"),
        (77, b"rubbish\n\x1b[2Jlast", Outcome.FAILED, "77: \ufffd[2Jlast"),
        (-9, b"", Outcome.INTERRUPTED, "signal 9"),
    ],
)
def test_exit_codes_say_who_can_help(code: int, stderr: bytes, outcome: Outcome, words: str) -> None:
    """Waiting, somebody's hand, or nobody."""
    told = ending(Completed(code, stderr=stderr))
    assert told.outcome is outcome
    assert words in told.words
    assert told.is_success == (code == 0)


def test_faults_of_options_are_told_on_standard_output() -> None:
    """As 2.55.1 does before it has read where to log."""
    said = b"P00  ERROR: [031]: option 'target-timeline' not valid without option 'type'\n"
    assert "target-timeline" in ending(Completed(31, stdout=said)).words
