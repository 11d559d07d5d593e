"""Brings the journal of work that was done without the storage into the bucket, once that answers again."""

from __future__ import annotations

from collections.abc import Collection

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.lease import Leases, Request
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.verification import verify

OPEN = (None, "stopped")


def ship(online: Journal, leases: Leases, offline: Journal, change: str, who: Who) -> None:
    """Store `change`, which lies in `offline`, as the next change of `online`. A ship that was cut off is completed.

    The lease is taken with a larger token than the hosts have seen: from then on they listen to leases again. A change
    that stood open when the storage fell silent is closed as superseded: its hosts were brought into a known state
    since, or owe an undo. Raises LeaseHeld when somebody is at work, VerificationFailed when the copy here was edited.
    """
    verify(offline)
    events, cut_off = offline.events(change), _cut_off(online, change)
    token = max(int(event.detail.get("token", 0)) for event in events)
    request = Request("fleet", who, cut_off or change, f"ship the journal of {change}", above=token)
    lease = leases.take_over(request)
    try:
        if cut_off is not None:
            covered = _covered(offline.ledger(change))
            log = ChangeLog.taken_over(online, cut_off, who, {"reason": request.reason}, lease.outlast)
            log.append("closed", detail={"state": "superseded", "by": change, "covered": sorted(covered)})
        _replay(online, offline, events, lease)
    finally:
        lease.release()


def _replay(online: Journal, offline: Journal, events: list[Event], lease: HeldLease) -> None:
    first, change = events[0], events[0].change
    stored = len(online.events(change))
    if stored:
        log = ChangeLog.standing(online, change, first.who, lease.outlast)
    else:
        log = ChangeLog.prepared(online, change, offline.plan(change), first.who, lease.outlast)
    for event in events[stored:]:
        log.replay(event, {"offline": event.digest})


def _cut_off(online: Journal, change: str) -> str | None:
    """The change that stood open when the storage fell silent."""
    newest = online.newest_change()
    return newest if newest not in (None, change) and online.ledger(str(newest)).closed in OPEN else None


def _covered(ledger: Ledger) -> Collection[str]:
    """Hosts whose state is known to be whole: all of the plan's, once the work has been done."""
    return set(ledger.plan.expected.get("hosts", {})) if ledger.closed == "done" else ()
