"""Approvals: which count, for whom, for how long. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clmdeploy.changes.approvals import (
    Needs,
    for_journal,
    refuse_own,
    refuse_unapproved,
    refuse_unproposed,
    required_for,
    tally,
)
from clmdeploy.changes.statements import Approval, Signed, Subject
from clmdeploy.model.errors import ApprovalMissing, ExitCode
from tests.unit.changes.conftest import make_plan

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SUBJECT = Subject(environment="lab", environment_id="e", change="c1", plan="d" * 64)


def approval(principal: str, minutes: float) -> Signed[Approval]:
    """One that holds for so many minutes from now."""
    stated = Approval(subject=SUBJECT, at=NOW - timedelta(hours=1), expires=NOW + timedelta(minutes=minutes))
    return Signed("key", stated, principal, f"{principal}{minutes}")


@pytest.mark.parametrize(
    ("required", "given", "missing"),
    [
        (0, [], 0),
        (1, [], 1),
        (1, [("a", 5)], 0),
        (2, [("a", 5)], 1),
        (2, [("a", 5), ("b", 5)], 0),
        (2, [("a", 5), ("a", 6)], 1),
        (1, [("a", 0)], 1),
        (1, [("a", -5)], 1),
        (1, [("a", -5), ("a", 5)], 0),
        (1, [("maker", 5)], 1),
        (1, [("proposer", 5)], 1),
        (1, [("maker", 5), ("a", 5)], 0),
        (2, [("maker", 5), ("proposer", 5), ("a", -1), ("b", 5)], 1),
    ],
)
def test_what_counts(required: int, given: list[tuple[str, float]], missing: int) -> None:
    """Distinct principals, other than who wants it, until the very moment of expiry."""
    approvals = [approval(principal, minutes) for principal, minutes in given]
    found = tally(approvals, ("maker", "proposer"), Needs(required=required, now=NOW))
    assert found.missing == missing
    if missing:
        with pytest.raises(ApprovalMissing) as refused:
            refuse_unapproved(found, SUBJECT)
        assert refused.value.exit_code == ExitCode.APPROVAL_MISSING
        assert "clmdeploy change approve c1 -e lab" in refused.value.hint
        assert all(principal in refused.value.message for principal, _ in given)
    else:
        refuse_unapproved(found, SUBJECT)


def test_the_journal_keeps_what_counted() -> None:
    """One for each principal, the one that holds longest; nothing where nothing was needed or given."""
    approvals = [approval("a", 5), approval("a", 9), approval("a", 7), approval("b", -1), approval("maker", 5)]
    kept = for_journal(tally(approvals, ("maker",), Needs(required=1, now=NOW)))
    assert [one["digest"] for one in kept["approvals"]] == ["a9"]
    assert for_journal(tally([], (), Needs(required=0, now=NOW))) == {}


def test_only_going_back_needs_nobody() -> None:
    """A rollback passes; a deploy and a hotfix are refused, with the way that was named."""
    plan = make_plan()
    rollback = plan.model_copy(update={"kind": "rollback"})
    assert (required_for(plan, 2), required_for(rollback, 2)) == (2, 0)
    refuse_unproposed(rollback, 2, "")
    refuse_unproposed(plan, 0, "")
    for one in (plan, plan.model_copy(update={"reasons": {"hotfix": "urgent"}})):
        with pytest.raises(ApprovalMissing) as refused:
            refuse_unproposed(one, 2, "do that")
        assert refused.value.hint == "do that"


def test_nobody_approves_their_own() -> None:
    """Who made it or proposed it is refused; anybody else is not."""
    refuse_own(SUBJECT, ("maker", "proposer"), "a")
    with pytest.raises(ApprovalMissing):
        refuse_own(SUBJECT, ("maker", "proposer"), "proposer")
