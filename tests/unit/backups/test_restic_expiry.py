"""restic lists and drops: what forget says is compared with what is there afterwards."""

from __future__ import annotations

import json

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.restic_expiry import FilesExpiry, FilesListing
from clmdeploy.backups.work import WorkFailed

FIRST, SECOND = "1" * 64, "2" * 64
PLACE = {"repository": "app1", "address": "s3:https://s3.example.ru/clm-backups/restic/app1", "authority": "/ca.pem"}
DROP = {**PLACE, "snapshots": [FIRST]}


def listing(*names: str, tags: tuple[str, ...] = ()) -> Completed:
    told = [
        {"id": name, "tree": "3" * 64, "time": "2026-01-05T01:02:03Z", "paths": ["/srv"], "tags": list(tags)}
        for name in names
    ]
    return Completed(0, json.dumps(told).encode())


def test_a_listing_tells_for_which_point_a_snapshot_was_made() -> None:
    """By its tag; others are strangers."""
    found = FilesListing().read(PLACE, [listing(FIRST, tags=("daily", "clm-point=p1"))])["listed"]
    assert [(one["holding"]["name"], one["point"]) for one in found] == [(FIRST, "p1")]
    assert FilesListing().read(PLACE, [listing(FIRST)])["listed"][0]["point"] is None
    assert FilesListing().read({**PLACE, "brief": True}, [listing(FIRST)]) == {"count": 1}


def test_it_works_straight_in_the_storage_with_the_key_that_may_delete() -> None:
    """The gateway lets nobody delete. Stale locks go first, and snapshots go by ID alone."""
    commands = FilesExpiry().commands(DROP)
    assert [one.argv[1] for one in commands] == ["unlock", "forget", "prune", "snapshots"]
    assert FIRST in commands[1].argv
    for one in commands:
        assert one.user == "clm-backup"
        assert one.environment["RESTIC_REPOSITORY"] == PLACE["address"]
        assert "AWS_SECRET_ACCESS_KEY" in one.secrets


def test_dropped_is_what_is_listed_no_more() -> None:
    """By the names that restore points have for it."""
    done = [Completed(0), Completed(0), Completed(0), listing(SECOND)]
    assert FilesExpiry().read(DROP, done) == {"dropped": [f"restic app1 {FIRST}"]}


@pytest.mark.parametrize(
    ("completed", "words"),
    [
        ([Completed(0), Completed(0), Completed(0), listing(FIRST, SECOND)], "still listed"),
        ([Completed(0), Completed(11)], "locked"), ([Completed(0), Completed(0), Completed(1)], "code 1"),
    ],
)  # fmt: skip
def test_an_exit_code_of_0_drops_nothing(completed: list[Completed], words: str) -> None:
    """forget exits with 0 although it could not delete."""
    with pytest.raises(WorkFailed, match=words):
        FilesExpiry().read(DROP, completed)


@pytest.mark.parametrize(("present", "state"), [((FIRST, SECOND), "not-done"), ((SECOND,), "partial"), ((), "partial")])
def test_a_drop_that_was_cut_off_is_done_again(present: tuple[str, ...], state: str) -> None:
    """The snapshot may be gone and its bytes not: prune has to follow."""
    assert FilesExpiry().state(DROP, [listing(*present)]) == {"state": state}
