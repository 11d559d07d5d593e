"""What a scheduled run settles by itself, and what it leaves to the person who began it."""

from __future__ import annotations

import pytest

from clmdeploy.changes.events import Who
from clmdeploy.queries.changes import ChangeState, ChangeSummary
from clmdeploy.queries.left_open import for_a_job

OWN, PERSON = "backup@production", "admin@production"


def left(kind: str, principal: str, state: ChangeState) -> ChangeSummary:
    who = Who(principal=principal, user="u", host="h")
    at = "2026-02-01T02:00:00+00:00"
    return ChangeSummary(id="x", kind=kind, title="t", reason="r", who=who, opened=at, last_event=at, state=state)


@pytest.mark.parametrize(
    ("kind", "principal", "state", "settled"),
    [
        ("expire", PERSON, "paused", False), ("expire", PERSON, "open", False), ("backup", PERSON, "paused", False),
        ("backup", PERSON, "open", True), ("expire", OWN, "paused", True), ("expire", OWN, "open", True),
        ("backup", OWN, "open", True),
    ],
)  # fmt: skip
def test_what_a_person_has_paused_is_left_to_that_person(
    kind: str, principal: str, state: ChangeState, settled: bool
) -> None:
    """Who stopped an expiry with Ctrl-C wants nothing removed at night. Half a backup is worth nothing to anybody."""
    assert bool(for_a_job([left(kind, principal, state)], OWN)) is settled
