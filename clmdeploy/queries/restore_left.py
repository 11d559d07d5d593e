"""What a change that stands open past its point of no return has left behind, as the journal has it."""

from __future__ import annotations

from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.plan import Step
from clmdeploy.changes.superseding import gives_way, left, safety_point, superseded_by
from clmdeploy.planners.restore_wish import Left


def left_behind(journal: Journal) -> Left | None:
    """By the newest change, where that is one that a restore may take the place of."""
    newest = journal.newest_change()
    return _left(journal, newest) if newest is not None and gives_way(journal, newest, "restore") else None


def _left(journal: Journal, change: str) -> Left:
    """With all that those before it had left, whose place it had taken."""
    ledger = left(journal, change)
    older = superseded_by(ledger.plan)
    before = _left(journal, older) if older is not None else Left(change=change)
    steps = {step.id: step for step in ledger.plan.steps}
    primary = next(iter(_acted(ledger, steps.get("database"))), before.primary)
    return Left(
        change=change, primary=primary, slots=tuple(dict.fromkeys((*before.slots, *_slots(steps.get("recover"))))),
        trees=tuple(dict.fromkeys((*before.trees, *_trees(ledger, steps.get("files"))))),
        release=before.release or ledger.plan.kind != "restore" or bool(_acted(ledger, steps.get("release-switch"))),
        safety=safety_point(ledger) or before.safety,
    )  # fmt: skip


def _acted(ledger: Ledger, step: Step | None) -> tuple[str, ...]:
    return () if step is None else tuple(target.host for target in ledger.acted(step))


def _slots(step: Step | None) -> list[str]:
    return list(step.action.arguments.get("slots", ())) if step is not None else []


def _trees(ledger: Ledger, step: Step | None) -> list[tuple[str, str]]:
    if step is None:
        return []
    return [(one.host, tree["path"]) for one in ledger.acted(step) for tree in one.arguments["trees"]]
