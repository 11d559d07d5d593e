"""Brings the journal of work that was done without the storage into the bucket, once that answers again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.turns import Request
from clmdeploy.changes.verification import verify
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import OutcomeUnknown, VerificationFailed

OPEN = (None, "stopped")


def ship(online: Journal, leases: Leases, offline: Journal, change: str, who: Who) -> None:
    """Store `change`, which lies in `offline`, as the next change of `online`. A ship that was cut off is completed.

    The lease is taken with a larger token than the hosts have seen: from then on they listen to leases again. What
    stood open or owed an undo before is closed as superseded: its hosts were brought into a known state since, or
    still owe it. Raises LeaseHeld when somebody is at work, OutcomeUnknown while a later change stands open,
    VerificationFailed when the copy here was edited, or when others have gone on with what was shipped in part.
    """
    verify(offline)
    refuse_later(online, offline, change)
    events = offline.events(change)
    stored = _stored(online, events)
    earlier = () if stored else _earlier(online, _token(events))
    standing = next((one for one in earlier if online.ledger(one).closed in OPEN), change)
    reason = f"ship the journal of {change}"
    lease = leases.take_over(Request("fleet", who, standing, reason, above=_token(events)))
    try:
        for one in earlier:
            _supersede(online, one, offline.ledger(change), change, who, lease)
        log = _shipped_log(online, offline, change, stored, lease)
        for event in events[stored:]:
            log.replay(event, {"offline": event.digest})
        log.sign_last()  # a ship that was cut off may have stored the last event and not the head
    finally:
        lease.release()


def refuse_later(online: Journal, offline: Journal, change: str) -> None:
    """Raises OutcomeUnknown while a change stands open that began after the hosts listened to leases again."""
    newest = online.newest_change()
    if newest in (None, change) or online.ledger(str(newest)).closed not in OPEN:
        return
    if _token(online.events(str(newest))) > _token(offline.events(change)):
        environment = online.environment
        raise OutcomeUnknown(
            Bilingual(
                f"change {newest} stands open and is newer than {change}, whose journal is still here",
                f"изменение {newest} не завершено и новее, чем {change}, журнал которого ещё здесь",
            ),
            Bilingual(
                f"`clmdeploy change resume -e {environment}` finishes it, `change abort` takes it back; then "
                f"`clmdeploy journal ship -e {environment}`",
                f"завершить его: `clmdeploy change resume -e {environment}`, откатить: `change abort`; затем "
                f"`clmdeploy journal ship -e {environment}`",
            ),
        )


def _stored(online: Journal, events: Sequence[Event]) -> int:
    """How many of the events an earlier ship has stored."""
    there = online.events(events[0].change)
    for stored, event in zip(there, events, strict=False):
        if stored.detail.get("offline") != event.digest:
            raise VerificationFailed(
                Bilingual(
                    f"others have gone on with change {event.change} after a part of its journal was shipped",
                    f"изменение {event.change} продолжили другие после передачи части его журнала",
                ),
                Bilingual(
                    "what happened afterwards is in the journal; what was not shipped is kept here, for people to read",
                    "дальнейшее есть в журнале; непереданное хранится здесь, чтобы его могли прочесть",
                ),
            )
    return min(len(there), len(events))


def _earlier(online: Journal, token: int) -> list[str]:
    """Changes that stood open or owed an undo when the storage fell silent."""
    newest = online.newest_change()
    standing = [newest] if newest is not None and online.ledger(newest).closed in OPEN else []
    found = dict.fromkeys([*standing, *online.owed().values()])
    return [one for one in found if _token(online.events(one)) < token]


def _token(events: Sequence[Event]) -> int:
    """The largest that this work was done with."""
    return max((int(event.detail.get("token", 0)) for event in events), default=0)


def _supersede(online: Journal, earlier: str, work: Ledger, change: str, who: Who, lease: HeldLease) -> None:
    detail = {"reason": f"superseded by {change}"}
    log = ChangeLog.taken_over(online, earlier, who, detail, lease.outlast)
    log.append("closed", detail={"state": "superseded", "by": change, "covered": sorted(_covered(work))})


def _shipped_log(online: Journal, offline: Journal, change: str, stored: int, lease: HeldLease) -> ChangeLog:
    who = offline.events(change)[0].who
    if stored:
        return ChangeLog.standing(online, change, who, lease.outlast)
    return ChangeLog.prepared(online, change, offline.plan(change), who, lease.outlast)


def _covered(ledger: Ledger) -> Collection[str]:
    """Hosts whose state is known to be whole: all of the plan's, once the work has been done, but who was left out."""
    if ledger.closed != "done":
        return ()
    return set(ledger.plan.expected.get("hosts", {})) - ledger.dropped - {one.subject for _, one in ledger.owed()}
