"""restic's JSON is read exactly; what it loses or leaves out is known."""

from __future__ import annotations

import os

import pytest

from clmdeploy.backups import restic_output as output
from clmdeploy.backups.output import Unintelligible

ID, TREE = "4" * 64, "3" * 64
SNAPSHOT = (
    b'{"time":"2026-11-23T16:39:56.58242563Z","tree":"'
    + TREE.encode()
    + b'","paths":["/srv/data","/srv/\xef\xbf\xbd"],'
    + b'"hostname":"app1","username":"root","tags":["clm-point=p1"],"program_version":"restic 0.18.0","summary":{'
    + b'"files_new":5,"data_added_packed":7721,"total_files_processed":5,"total_bytes_processed":5000},"id":"'
    + ID.encode()
    + b'","short_id":"44444444"}'
)


def test_snapshots_come_oldest_first_with_tags_and_sizes() -> None:
    """As 0.18.0 tells them."""
    later = SNAPSHOT.replace(b"16:39", b"17:39").replace(ID.encode(), b"5" * 64)
    first, second = output.snapshots(b"[" + later + b"," + SNAPSHOT + b"]")
    assert (first.id, second.id, first.tags) == (ID, "5" * 64, ("clm-point=p1",))
    assert first.summary is not None
    assert (first.summary.total_bytes_processed, first.time.isoformat()[:16]) == (5000, "2026-11-23T16:39")
    assert output.snapshots(b"[]") == ()


ODD_ID = SNAPSHOT.replace(ID.encode(), b"../x")
NO_PATHS = SNAPSHOT.replace(b'"paths"', b'"p"')


@pytest.mark.parametrize("said", [b"", b"null", b"{}", b"[" + ODD_ID + b"]", b"[" + NO_PATHS + b"]"])
def test_other_answers_are_refused(said: bytes) -> None:
    """An ID becomes an argument."""
    with pytest.raises(Unintelligible, match="restic snapshots"):
        output.snapshots(said)


def test_paths_that_were_skipped_are_found() -> None:
    """restic 0.18 skips what does not exist with exit code 0; bytes that are no UTF-8 are compared as it tells them."""
    (snapshot,) = output.snapshots(b"[" + SNAPSHOT + b"]")
    odd = os.fsdecode(b"/srv/\xff")
    assert output.left_out(["/srv/data", odd], snapshot) == ()
    assert output.left_out(["/srv/data", "/srv/none"], snapshot) == ("/srv/none",)


def test_a_backup_ends_with_one_summary() -> None:
    """Progress and later kinds of messages before it are passed over."""
    said = b'{"message_type":"status","percent_done":1}\n{"message_type":"new"}\n\n'
    last = b'{"message_type":"summary","total_files_processed":5,"data_added":9,"snapshot_id":"' + ID.encode() + b'"}\n'
    assert output.summary(said + last).snapshot_id == ID
    with pytest.raises(Unintelligible, match="0 summaries"):
        output.summary(said)


def test_faults_are_bounded_and_readable() -> None:
    """A tree of unreadable files has a line for each."""
    line = (
        b'{"message_type":"error","error":{"message":"permission denied"},"during":"archival","item":"/srv/\\u001b"}\n'
    )
    found = output.faults(b"plain\n" + line * 2000)
    assert len(found) == output.MOST_ERRORS
    assert found[0].words == "/srv/\ufffd: permission denied"


def test_the_size_of_a_repository_is_read() -> None:
    """In raw-data mode there are no files."""
    assert output.statistics(b'{"total_size":8987,"compression_ratio":1.3,"snapshots_count":2}').total_size == 8987
