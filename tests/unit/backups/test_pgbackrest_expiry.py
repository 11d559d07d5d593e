"""pgBackRest lists and drops: what it says of itself is compared with what is there afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.pgbackrest_expiry import DatabaseExpiry, DatabaseListing, LogExpiry
from clmdeploy.backups.work import WorkFailed

from .test_pgbackrest_info import FULL, INCR, WAL, backup, said, stanza

LATER = "20261130-010203F"
LATER_WAL = "000000010000000000000020"
CHAIN = (
    backup(annotation={"clm-point": "p1"}),
    backup(INCR, type="incr", prior=FULL, reference=[FULL]),
    backup(LATER, archive={"start": LATER_WAL, "stop": LATER_WAL}),
)
DROP = {"stanza": "clm", "labels": [FULL, INCR]}
LOG = {
    "stanza": "clm", "full": LATER, "oldest": {str(2**64 - 1): LATER_WAL},
    "results": {"listed": {"clm@backup1": {"fulls": [LATER, FULL]}}},
}  # fmt: skip


def info(*backups: dict[str, Any], code: int = 0, first: str = WAL, **other: Any) -> Completed:
    """What `info` says when these are there; log begins at `first`."""
    archive = {"database": {"id": 1, "repo-key": 1}, "id": "17-1", "min": first, "max": None}
    return Completed(0, said(stanza(code, backup=list(backups), archive=[archive], **other)))


def failing(code: int = 104) -> Completed:
    return Completed(code, b"", b"ERROR: [075]: full backup can't be expired until another full backup was created")


def test_a_listing_tells_what_stands_on_what_and_for_which_point_it_was_made() -> None:
    """The backup made before it counts as a base too; log from before the oldest backup is told."""
    found = DatabaseListing().read({"stanza": "clm"}, [info(*CHAIN)])
    names = {one["holding"]["name"]: (one["references"], one["point"]) for one in found["listed"]}
    assert names == {FULL: ([], "p1"), INCR: ([FULL], None), LATER: ([], None)}
    assert (found["fulls"], found["running"], found["surplus"]) == ([LATER, FULL], False, False)
    older = info(*CHAIN, first="000000010000000000000001")
    assert DatabaseListing().read({"stanza": "clm"}, [older])["surplus"]


def test_as_a_result_of_a_step_a_listing_is_short() -> None:
    """The journal keeps it for ever."""
    found = DatabaseListing().read({"stanza": "clm", "brief": True}, [info(*CHAIN)])
    assert found == {"running": False, "fulls": [LATER, FULL], "surplus": False, "count": 3}


@pytest.mark.parametrize(
    ("completed", "words"),
    [(info(code=99), "can't be read"), (info(code=3), "missing or damaged"), (failing(103), "103")],
)
def test_a_repository_that_can_not_be_read_is_no_empty_one(completed: Completed, words: str) -> None:
    """info exits with 0 whatever it finds: everything in it would count as gone."""
    with pytest.raises(WorkFailed, match=words):
        DatabaseListing().read({"stanza": "clm"}, [completed])


def test_what_stands_on_others_goes_first() -> None:
    """And the listing comes last, as the account that has the keys."""
    commands = DatabaseExpiry().commands(DROP)
    assert [next((word for word in one.argv if word.startswith("--set")), "") for one in commands] == [
        f"--set={INCR}", f"--set={FULL}", "",
    ]  # fmt: skip
    assert {one.user for one in commands} == {"clm-backup"}


def test_dropped_is_what_is_listed_no_more() -> None:
    """By the names that restore points have for it."""
    done = [Completed(0), Completed(0), info(CHAIN[2])]
    assert DatabaseExpiry().read(DROP, done) == {
        "dropped": [f"pgbackrest clm {FULL}", f"pgbackrest clm {INCR}"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        ([Completed(0), Completed(0), info(*CHAIN)], "still listed"), ([Completed(0), failing()], "104"),
        ([Completed(0), Completed(0), info(code=99)], "can't be read"),
    ],
)  # fmt: skip
def test_an_exit_code_of_0_drops_nothing(completed: list[Completed], words: str) -> None:
    """It is 0 also for a label that pgBackRest does not know."""
    with pytest.raises(WorkFailed, match=words):
        DatabaseExpiry().read(DROP, completed)


@pytest.mark.parametrize(("present", "state"), [(CHAIN, "not-done"), (CHAIN[:1], "partial"), (CHAIN[2:], "partial")])
def test_a_drop_that_was_cut_off_is_done_again(present: tuple[dict[str, Any], ...], state: str) -> None:
    """Unless nothing went: then it never began. Orphaned bytes go with the second try."""
    assert DatabaseExpiry().state(DROP, [info(*present)]) == {"state": state}


def test_log_is_counted_in_the_full_backups_that_are_left() -> None:
    """As an earlier step listed them: from the oldest from which it is to go on."""
    for full, count in ((LATER, 1), (FULL, 2)):
        argv = LogExpiry().commands({**LOG, "full": full})[0].argv
        assert f"--repo1-retention-archive={count}" in argv
    assert LogExpiry().read(LOG, [Completed(0), info(CHAIN[2], first=LATER_WAL)]) == {
        "fulls": 1, "first": {str(2**64 - 1): LATER_WAL},
    }  # fmt: skip


def test_no_log_goes_when_its_full_backup_is_not_listed() -> None:
    """A count of too few would drop log that is needed."""
    with pytest.raises(WorkFailed, match="no log is dropped"):
        LogExpiry().commands({**LOG, "results": {"listed": {"clm@backup1": {"fulls": [FULL]}}}})


def test_log_that_went_too_far_is_told() -> None:
    """No point may lose its log unnoticed."""
    with pytest.raises(WorkFailed, match="which a kept point needs, is gone"):
        LogExpiry().read(LOG, [Completed(0), info(CHAIN[2], first="000000010000000000000021")])
