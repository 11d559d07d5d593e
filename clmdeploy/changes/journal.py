"""The journal: every change's events in the state bucket, each stored before the act that it announces.

Events are stored with a conditional create: losing the race for a number means that another control node goes on with
the same change, and this one stops. They are chained by digest across changes, and the head of the chain is signed, so
that an edited history can't be passed off.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from pydantic import ValidationError

from clmdeploy.changes.events import GENESIS, Event, EventKind, Link, Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.head import Head, read_head, signed_head
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.ports import Clock, Missing, ObjectStore
from clmdeploy.changes.signed_plan import SignedPlan, read_signed_plan
from clmdeploy.model.errors import Conflict, OutcomeUnknown, VerificationFailed
from clmdeploy.model.signing import Signer, Verifier
from clmdeploy.model.value import JsonValue, canonical_json, sha256_hex


class Journal:
    """The journal of one environment."""

    def __init__(self, store: ObjectStore, environment: str, signer: Signer, verifier: Verifier, clock: Clock) -> None:
        self.store = store
        self.environment = environment
        self.signer = signer
        self.verifier = verifier
        self.clock = clock

    def changes(self) -> list[str]:
        """IDs of all changes, oldest first (an ID begins with the time of its making)."""
        prefix = f"{self.environment}/changes/"
        return sorted({key.removeprefix(prefix).split("/", 1)[0] for key in self.store.keys(prefix)})

    def plan(self, change: str) -> SignedPlan:
        """The plan of a change, its signature and digest checked. Raises InvalidInput, or Missing."""
        stored = self.store.get(f"{self.environment}/changes/{change}/plan")
        return read_signed_plan(stored.body, self.verifier, f"plan of change {change}")

    def events(self, change: str) -> list[Event]:
        """The events of a change in order, as stored; `verify` is another matter."""
        prefix = f"{self.environment}/changes/{change}/events/"
        return [read_event(key, self.store.get(key).body) for key in self.store.keys(prefix)]

    def ledger(self, change: str) -> Ledger:
        """What the events say of a change."""
        return Ledger.of(self.plan(change).plan, self.events(change))

    def is_settled(self, change: str) -> bool:
        """Whether nothing of a change can be under way: it was closed for good, or its first event was never stored."""
        keys = list(self.store.keys(f"{self.environment}/changes/{change}/events/"))
        last = read_event(keys[-1], self.store.get(keys[-1]).body) if keys else None
        return last is None or (last.kind == "closed" and last.detail["state"] != "stopped")

    def head(self) -> Head | None:
        """The signed head; None in a new environment. Raises VerificationFailed when the signature does not fit."""
        stored = self._stored_head()
        return stored[0] if stored else None

    def _stored_head(self) -> tuple[Head, str] | None:
        try:
            stored = self.store.get(self._head_key)
        except Missing:
            return None
        return read_head(stored.body, self.verifier, self._head_key), stored.etag

    @property
    def _head_key(self) -> str:
        return f"{self.environment}/journal/head"

    def newest_change(self) -> str | None:
        """The change that acted last, even when its control node died before the head could follow."""
        head = self.head()
        if head is None:
            return None
        if head.opening and next(self.store.keys(f"{self.environment}/changes/{head.opening}/events/"), None):
            return head.opening
        return head.last.change if head.last else None

    def last_link(self) -> Link | None:
        """The newest event: the head's, or what was stored after it before the head could follow."""
        newest = self.newest_change()
        return self.events(newest)[-1].link if newest else None

    def owed(self) -> dict[str, str]:
        """Host → change that owes it an undo: as the newest change itself says, even when the head could not follow."""
        head, newest = self.head(), self.newest_change()
        if head is None or newest is None:
            return {}
        others = {host: change for host, change in head.owed.items() if change != newest}
        return others | {target.subject: newest for _, target in self.ledger(newest).owed()}

    def open(self, change: str, plan: SignedPlan, who: Who, detail: Mapping[str, JsonValue]) -> ChangeLog:
        """Begin a change: plan, head, the event that opens it, head again. The caller holds the lease."""
        last, owed = self.last_link(), self.owed()
        self.store.put(f"{self.environment}/changes/{change}/plan", canonical_json(plan), only_if_absent=True)
        self.move_head(Head(environment=self.environment, last=last, opening=change, owed=owed))
        log = ChangeLog(self, change, who, Ledger(plan.plan), last.digest if last else GENESIS, 0)
        log.append("opened", detail={**detail, "plan": plan.digest, "kind": plan.plan.kind, "title": plan.plan.title})
        return log

    def take_over(self, change: str, who: Who, detail: Mapping[str, JsonValue]) -> ChangeLog:
        """Go on with a change, from this control node. The caller holds the lease.

        Where another change has acted since, the chain runs on from there: the event names what it goes `after`.
        """
        events, last = self.events(change), self.last_link()
        if last is not None and last.change != change:
            detail = {**detail, "after": last.digest}
        ledger = Ledger.of(self.plan(change).plan, events)
        log = ChangeLog(self, change, who, ledger, events[-1].digest, len(events))
        log.append("taken-over", detail=detail)
        return log

    def move_head(self, head: Head) -> None:
        """Sign and store the new end of the chain."""
        standing, body = self._stored_head(), signed_head(head, self.signer)
        if standing is None:
            self.store.put(self._head_key, body, only_if_absent=True)
        else:
            self.store.put(self._head_key, body, only_if_etag=standing[1])


class ChangeLog:
    """Writes the events of one change, and keeps its ledger in step with them."""

    def __init__(self, journal: Journal, change: str, who: Who, ledger: Ledger, previous: str, seq: int) -> None:
        self.journal = journal
        self.change = change
        self.who = who
        self.ledger = ledger
        self._previous = previous
        self._seq = seq

    def append(
        self,
        kind: EventKind,
        step: str = "",
        outcomes: Mapping[str, Outcome] | None = None,
        detail: Mapping[str, JsonValue] | None = None,
    ) -> Event:
        """Store the next event, then believe it. Raises OutcomeUnknown when another control node wrote this number."""
        journal = self.journal
        event = Event(
            environment=journal.environment, change=self.change, seq=self._seq, previous=self._previous,
            at=journal.clock.now().isoformat(timespec="milliseconds"), kind=kind, who=self.who,
            nonce=secrets.token_hex(8), step=step, outcomes=dict(outcomes or {}), detail=dict(detail or {}),
        )  # fmt: skip
        try:
            journal.store.put(event_key(event), canonical_json(event), only_if_absent=True)
        except Conflict:
            raise OutcomeUnknown(
                f"another control node goes on with change {self.change}: this one has stopped",
                f"see `clmdeploy change show {self.change}`",
            ) from None
        self._previous, self._seq = event.digest, self._seq + 1
        self.ledger.apply(event)
        if kind in ("opened", "paused", "taken-over", "closed"):
            journal.move_head(Head(environment=journal.environment, last=event.link, owed=self._owed()))
        return event

    def _owed(self) -> dict[str, str]:
        others = {host: change for host, change in self.journal.owed().items() if change != self.change}
        return {**others, **{target.subject: self.change for _, target in self.ledger.owed()}}


def event_key(event: Event) -> str:
    return f"{event.environment}/changes/{event.change}/events/{event.seq:06d}"


def read_event(key: str, body: bytes) -> Event:
    """An event from its bytes, which its digest is of. Raises VerificationFailed naming the key."""
    try:
        return Event.model_validate_json(body).as_stored(sha256_hex(body))
    except ValidationError as error:
        raise VerificationFailed(f"journal event {key} can't be read: {error.error_count()} faults") from error
