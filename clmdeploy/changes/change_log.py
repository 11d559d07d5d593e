"""Writes the events of one change into the journal."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from clmdeploy.changes.events import GENESIS, Event, EventKind, Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.head import Head
from clmdeploy.changes.journal import Journal, read_event
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.persistence import Patience, create, impatient, outlasting
from clmdeploy.changes.signed_plan import SignedPlan
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import Conflict, OutcomeUnknown, StoreUnavailable
from clmdeploy.model.value import JsonValue, canonical_json

RESULTS = ("step-finished", "undo-finished")
"""what happened on the hosts already: worth keeping when the storage can't take it"""


class ChangeLog:
    """Writes the events of one change, and keeps its ledger in step with them."""

    def __init__(
        self, journal: Journal, change: str, who: Who, ledger: Ledger, previous: str, seq: int, patience: Patience
    ) -> None:
        """`patience`: how long a silent storage is waited for."""
        self.journal = journal
        self.change = change
        self.who = who
        self.ledger = ledger
        self._previous = previous
        self._seq = seq
        self._patience = patience

    @classmethod
    def prepared(
        cls, journal: Journal, change: str, plan: SignedPlan, who: Who, patience: Patience = impatient
    ) -> ChangeLog:
        """Before the first event: the plan is stored, and the head says what is about to be opened."""
        last, owed = journal.last_link(), journal.owed()
        key, body = f"{journal.root}/changes/{change}/plan", canonical_json(plan)
        create(journal.store, key, body)
        journal.keep(key, body)
        journal.move_head(Head(environment=journal.environment, last=last, opening=change, owed=owed))
        return cls(journal, change, who, Ledger(plan.plan), last.digest if last else GENESIS, 0, patience)

    @classmethod
    def opened(
        cls,
        journal: Journal,
        change: str,
        plan: SignedPlan,
        who: Who,
        detail: Mapping[str, JsonValue],
        patience: Patience = impatient,
    ) -> ChangeLog:
        """Begin a change: plan, head, the event that opens it, head again. The caller holds the lease."""
        log = cls.prepared(journal, change, plan, who, patience)
        log.append("opened", detail={**detail, "plan": plan.digest, "kind": plan.plan.kind, "title": plan.plan.title})
        return log

    @classmethod
    def standing(cls, journal: Journal, change: str, who: Who, patience: Patience = impatient) -> ChangeLog:
        """After the last event that is stored. The caller holds the lease."""
        ledger, events = journal.ledger(change), journal.events(change)
        return cls(journal, change, who, ledger, events[-1].digest, len(events), patience)

    @classmethod
    def taken_over(
        cls, journal: Journal, change: str, who: Who, detail: Mapping[str, JsonValue], patience: Patience = impatient
    ) -> ChangeLog:
        """Go on with a change, from this control node. The caller holds the lease.

        Where another change has acted since, the chain runs on from there: the event names what it goes `after`.
        """
        last = journal.last_link()
        log = cls.standing(journal, change, who, patience)
        journal.keep_all(change)
        if last is not None and last.change != change:
            detail = {**detail, "after": last.digest}
        else:
            log.send_unsent()
        log.append("taken-over", detail=detail)
        return log

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
            self._store(event)
        except (StoreUnavailable, OutcomeUnknown):
            if kind in RESULTS:
                journal.keep(self._unsent_key, canonical_json(event))
            raise
        return event

    def replay(self, event: Event, detail: Mapping[str, JsonValue]) -> Event:
        """Store what happened while the storage was out of reach, as the next event; `detail` says where it is from."""
        following = {"seq": self._seq, "previous": self._previous, "detail": {**event.detail, **detail}}
        placed = Event.model_validate(event.model_dump() | following)
        self._store(placed)
        return placed

    def sign_last(self) -> None:
        """Let the signed head name the newest event, where it does not: its control node was lost in between."""
        head, last = self.journal.head(), self.journal.last_link()
        if last is not None and last.change == self.change and (head is None or head.last != last):
            signed = Head(environment=self.journal.environment, last=last, owed=self._owed())
            outlasting(self._patience, lambda: self.journal.move_head(signed))

    def send_unsent(self) -> None:
        """Store the result that an earlier run from here could not store, if nobody has gone on without it."""
        body = self.journal.kept(self._unsent_key)
        event = read_event(self._unsent_key, body) if body else None
        if event is not None and (event.seq, event.previous) == (self._seq, self._previous):
            self._store(event)

    def _store(self, event: Event) -> None:
        journal, body = self.journal, canonical_json(event)
        try:
            outlasting(self._patience, lambda: create(journal.store, journal.event_key(event), body))
        except Conflict:
            raise OutcomeUnknown(
                Bilingual(
                    f"another control node goes on with change {self.change}: this one has stopped",
                    f"изменение {self.change} продолжает другой управляющий узел: этот остановился",
                ),
                Bilingual(f"see `clmdeploy change show {self.change}`", f"см. `clmdeploy change show {self.change}`"),
            ) from None
        journal.keep(journal.event_key(event), body)
        self._previous, self._seq = event.digest, self._seq + 1
        self.ledger.apply(event)
        if event.kind in ("opened", "paused", "taken-over", "closed"):
            outlasting(self._patience, lambda: journal.move_head(self._head(event)))

    def _head(self, event: Event) -> Head:
        return Head(environment=self.journal.environment, last=event.link, owed=self._owed())

    @property
    def _unsent_key(self) -> str:
        return f"{self.journal.root}/unsent/{self.change}"

    def _owed(self) -> dict[str, str]:
        others = {host: change for host, change in self.journal.owed().items() if change != self.change}
        return {**others, **{target.subject: self.change for _, target in self.ledger.owed()}}
