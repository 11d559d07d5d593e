"""What earlier changes like a plan took, as the journal has it: for an estimate, never for a decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from clmdeploy.changes.events import Event
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.planners.estimate import Estimate, Past, estimate

MOVING = frozenset({"pgbackrest-backup", "pgbackrest-restore", "recovery", "restic-backup", "restic-restore", "tables"})
"""acts whose time grows with the data"""
MOST = 3  # earlier changes that are looked at closely: each costs some dozens of small reads
NEWEST = 12  # of the same kind, among which they are looked for


def foresee(journal: Journal, plan: Plan) -> Estimate | None:
    """How long the plan will take, by the last changes that did the same; None where their journal is not to be had.

    A damaged journal must not stand in the way of a restore for the sake of this.
    """
    try:
        return estimate(list(islice(_like(journal, plan), MOST)), size_of(plan))
    except (VerificationFailed, InvalidInput):
        return None


def size_of(plan: Plan) -> int:
    """Bytes that it moves; 0 for a backup, of which nobody knows before, so that earlier ones tell time alone."""
    return int(plan.expected.get("size") or 0)


def past_of(plan: Plan, events: Iterable[Event]) -> Past | None:
    """None unless it went through in one go: whoever waited for a person tells nothing."""
    begun: dict[str, datetime] = {}
    spent: dict[str, float] = {}
    state = None
    for event in events:
        at = datetime.fromisoformat(event.at)
        if event.kind in ("paused", "taken-over", "undo-started", "host-dropped"):
            return None
        if event.kind == "step-started":
            begun[event.step] = at
        if event.kind == "step-finished" and event.step in begun:
            spent[event.step] = max(0.0, (at - begun[event.step]).total_seconds())
        if event.kind == "closed":
            state = event.detail["state"]
    if state != "done":
        return None
    moving = sum(spent.get(step.id, 0.0) for step in plan.steps if step.action.act in MOVING)
    return Past(moving=moving, other=sum(spent.values()) - moving, size=size_of(plan))


def _like(journal: Journal, plan: Plan) -> Iterator[Past]:
    """Newest first."""
    same_kind = [change for change in reversed(journal.changes()) if f"-{plan.kind}-" in change]
    for change in same_kind[:NEWEST]:
        earlier = journal.plan(change).plan
        if _nature(earlier) == _nature(plan):
            past = past_of(earlier, journal.events(change))
            if past is not None:
                yield past


def _nature(plan: Plan) -> frozenset[str]:
    """Which data is moved how."""
    return frozenset(_kind_of(step) for step in plan.steps if step.action.act in MOVING)


def _kind_of(step: Step) -> str:
    """A full backup is another thing than an incremental one, and what goes beside another than in place."""
    told = [step.action.act, "beside" if step.stage == "beside" else ""]
    if step.action.act == "pgbackrest-backup":
        told.append(str(step.action.arguments.get("type", "")))
    return " ".join(word for word in told if word)
