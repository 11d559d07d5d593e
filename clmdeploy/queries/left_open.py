"""Changes that somebody must settle while nobody is at work on them: their control node is gone, or it went home."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clmdeploy.changes.journal import Journal
from clmdeploy.changes.lease import POLL, Leases
from clmdeploy.changes.scopes import Scope
from clmdeploy.model.errors import LeaseHeld, OutcomeUnknown
from clmdeploy.queries.chains import Journals
from clmdeploy.queries.changes import ChangeSummary, last_change, summary


def changes_left_open(journals: Journals, leases: Leases) -> list[ChangeSummary]:
    """Oldest first. Waits until a lease that is held has either moved or expired, its time to live at most.

    Raises StoreUnavailable when the storage does not answer, VerificationFailed when it can't be believed.
    """
    found = {one.id: one for journal in journals for one in _left_open(journal, leases)}
    return [found[change] for change in sorted(found)]


def for_a_job(found: Iterable[ChangeSummary], principal: str) -> list[ChangeSummary]:
    """What a scheduled run of this principal may settle unasked: what jobs began, and half a backup, which is worth
    nothing. What a person began, and paused or lost, may have no way back: it is that person's to go on with.
    """
    return [
        one for one in found if one.who.principal == principal or (one.kind == "backup" and one.state != "paused")
    ]  # fmt: skip


def _left_open(journal: Journal, leases: Leases) -> Iterator[ChangeSummary]:
    busy = _somebody_at_work(leases, journal.scope)
    newest = last_change(journal)  # read after the wait: it may have ended meanwhile
    for change in journal.owed().values():
        yield summary(journal, change)
    if newest is not None and newest.needs_somebody and not busy:
        yield newest


def _somebody_at_work(leases: Leases, scope: Scope) -> bool:
    standing = leases.read(scope)
    if standing is None or not standing[0].held:
        return False
    try:
        leases.await_free(scope, standing[0].time_to_live + 2 * POLL)
    except LeaseHeld:
        return True
    except OutcomeUnknown:  # expired
        return False
    return False
