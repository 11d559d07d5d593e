"""`pgbackrest verify` exits with 0 whatever it finds: its text is judged, and silence is no all-clear."""

from __future__ import annotations

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest_verify import findings, read_report

GOOD = b"""stanza: clm
status: ok
  archiveId: 17-1, total WAL checked: 4, total valid WAL: 4
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261123-010203F, status: valid, total files checked: 970, total valid files: 970
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261124-010203F, status: in-progress, total files checked: 0, total valid files: 0
"""


def test_a_sound_repository_has_no_findings() -> None:
    """A backup under way is none either."""
    assert findings(Completed(0, GOOD, b"INFO: verify command end: completed successfully (488ms)\n")) == ()
    report = read_report(GOOD)
    assert [(one.name, one.checked, one.valid) for one in report.archives] == [("17-1", 4, 4)]
    assert [one.name for one in report.backups] == ["20261123-010203F", "20261124-010203F"]


@pytest.mark.parametrize(
    ("old", "new", "backup", "words"),
    [
        (b"status: valid", b"status: invalid", "20261123-010203F", "invalid"),
        (b"valid files: 970", b"valid files: 969", "20261123-010203F", "1/970"),
        (b"status: valid", b"status: manifest missing", "20261123-010203F", "manifest missing"),
        (b"valid WAL: 4", b"valid WAL: 2", "", "2/4"),
        (b"status: ok", b"status: error", "", "does not name"),
        (b"status: ok\n", b"status: error\n  No usable backup.info file\n", "", "No usable backup.info"),
        (b"status: ok\n", b"status: ok\n  something new\n", "", "something new"),
    ],
)
def test_anything_but_sound_is_a_finding(old: bytes, new: bytes, backup: str, words: str) -> None:
    """A missing manifest too, which the engine's own state calls ok."""
    found = findings(Completed(0, GOOD.replace(old, new, 1)))
    assert len(found) == 1
    assert found[0].backup == backup
    assert words in found[0].words


@pytest.mark.parametrize(
    ("line", "backup", "item"),
    [
        (b"INFO: invalid checksum '20261123-010203F/bundle/1'", "20261123-010203F", "20261123-010203F/bundle/1"),
        (b"WARN: file missing '17-1/0000000200000007/x.gz'", "", "17-1/0000000200000007/x.gz"),
        (
            b"INFO: invalid result 20261123-010203F/pg_data/x: [41] raised",
            "20261123-010203F",
            "20261123-010203F/pg_data/x",
        ),
    ],
)
def test_objects_are_named_from_the_log(line: bytes, backup: str, item: str) -> None:
    """Missing WAL too, of which the report says nothing."""
    found = findings(Completed(0, GOOD, b"INFO: begin\n" + line + b"\n"))
    assert [(one.backup, one.item) for one in found] == [(backup, item)]


@pytest.mark.parametrize("said", [b"", b"\n", b"status: ok\n", b"stanza: clm\nstatus: fine\n", b"\xff" * 100])
def test_silence_and_rubbish_are_no_all_clear(said: bytes) -> None:
    """Without --verbose a sound repository and a broken pipe look alike."""
    with pytest.raises(Unintelligible, match="pgbackrest verify"):
        findings(Completed(0, said))


def test_findings_are_bounded() -> None:
    """A repository without its bucket has a line for each file."""
    log = b"INFO: file missing '20261123-010203F/x'\n" * 20_000
    assert len(findings(Completed(0, GOOD, log))) == 10_000
