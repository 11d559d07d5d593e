"""What can't reach its end and has no way back gives way to a restore, which takes on what it left.

A restore does, and a deploy or rollback whose migration without a way back ended half-way.
"""

from __future__ import annotations

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.dispatch import Dispatch
from clmdeploy.changes.events import Who
from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.scopes import Kind
from clmdeploy.changes.world import World

OPEN_STATES = (None, "stopped")
_GIVING_WAY = ("restore", "deploy", "rollback")
_PUBLISHING = ("safety-publish", "point-2-publish", "point-1-publish")


def superseded_by(plan: Plan) -> str | None:
    """The change whose place this plan takes."""
    named = plan.expected.get("supersedes")
    return str(named) if named and plan.kind == "restore" else None


def past_return(ledger: Ledger) -> bool:
    """Whether it goes forward only: it has replaced data, or goes on from where another one had."""
    return any(ledger.irreversible_done()) or superseded_by(ledger.plan) is not None


def safety_point(ledger: Ledger) -> str | None:
    """The restore point of what stood before it, or before the first of those whose place it took.

    Of a deploy the last one that it made: before the migrations that have no way back.
    """
    told = (result for step in _PUBLISHING for result in ledger.results(step).values())
    made = [str(result["point"]) for result in told if "point" in result]
    named = ledger.plan.expected.get("safety")
    return next(iter(made), str(named) if named else None)


def left(journal: Journal, change: str) -> Ledger:
    """What it had done, also where it has been closed already in favour of one that never began."""
    events = [one for one in journal.events(change) if one.detail.get("state") != "superseded"]
    return Ledger.of(journal.ledger(change).plan, events)


def stands_open(journal: Journal, newest: str) -> bool:
    """Whether the newest change has still to be settled; one that was superseded is, once another has followed."""
    ledger = journal.ledger(newest)
    return ledger.closed in OPEN_STATES or (ledger.closed == "superseded" and gives_way(journal, newest, "restore"))


def gives_way(journal: Journal, newest: str, kind: Kind | None) -> bool:
    """Whether a change of this kind may take its place."""
    ledger = left(journal, newest)
    may = kind == "restore" and ledger.plan.kind in _GIVING_WAY
    return may and ledger.closed in OPEN_STATES and past_return(ledger)


def supersede(world: World, journal: Journal, old: str, by: str, who: Who, lease: Holding) -> None:
    """Close it: nothing of it acts any more on any host, and it owes no undo."""
    ledger = journal.ledger(old)
    if ledger.closed == "superseded":
        return
    Dispatch(world, ledger, old, lease.fence).fence_hosts()
    detail = {"reason": f"superseded by {by}", "token": lease.fence.token}
    log = ChangeLog.taken_over(journal, old, who, detail, lease.outlast)
    covered = sorted({target.subject for step in ledger.plan.steps for target in step.targets})
    log.append("closed", detail={"state": "superseded", "by": by, "covered": covered})
