"""The journal: every change's events in the state bucket, each stored before the act that it announces.

Events are stored with a conditional create: losing the race for a number means that another control node goes on with
the same change, and this one stops. They are chained by digest across changes, and the head of the chain is signed, so
that an edited history can't be passed off. A control node keeps a copy of what it wrote: it tells of the work while the
storage is silent, and a result that could not be stored is brought in by the next `resume` from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pydantic import ValidationError

from clmdeploy.changes.events import Event, Link
from clmdeploy.changes.head import Head, read_head, signed_head
from clmdeploy.changes.journal_words import (
    BEHEADED,
    FIND_OUT,
    exchanged,
    gone,
    misplaced,
    unplanned,
    unreadable,
    unsigned,
)
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.ports import Clock, Missing, ObjectStore, Oversized, Stored
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.signed_plan import SignedPlan, read_signed_plan
from clmdeploy.model.errors import ClmError, InvalidInput, VerificationFailed
from clmdeploy.model.signing import Signer, Verifier
from clmdeploy.model.value import sha256_hex


class Journal:
    """One chain of an environment's journal."""

    def __init__(
        self,
        store: ObjectStore,
        environment: str,
        signer: Signer,
        verifier: Verifier,
        clock: Clock,
        copy: ObjectStore | None = None,
        scope: Scope = "fleet",
    ) -> None:
        """`copy`: where this control node keeps its own copy of what it reads and writes.

        `scope`: whose chain this is. Each lease has one, since who writes into it must be alone.
        """
        self.store = store
        self.environment = environment
        self.scope = scope
        self.root = environment if scope == "fleet" else f"{environment}/{scope}"
        self.signer = signer
        self.verifier = verifier
        self.clock = clock
        self._copy = copy

    def changes(self) -> list[str]:
        """IDs of all changes that have begun, oldest first (an ID begins with the time of its making)."""
        prefix = f"{self.root}/changes/"
        stored = (key.removeprefix(prefix) for key in self.store.keys(prefix))
        return sorted({name.split("/", 1)[0] for name in stored if "/events/" in name})

    def plan(self, change: str) -> SignedPlan:
        """The plan of a change that has begun, its signature and digest checked. Raises VerificationFailed."""
        key = f"{self.root}/changes/{change}/plan"
        body = self._believed(key).body
        try:
            return read_signed_plan(body, self.verifier, key)
        except InvalidInput as error:
            raise VerificationFailed(error.message, error.hint) from error

    def events(self, change: str) -> list[Event]:
        """The events of a change in order. Raises VerificationFailed naming one that is not in its place."""
        prefix = f"{self.root}/changes/{change}/events/"
        events = [self.event(key) for key in self.store.keys(prefix)]
        for seq, event in enumerate(events):
            placed = (event.environment, event.change, event.seq) == (self.environment, change, seq)
            if not placed or (seq and event.previous != events[seq - 1].digest):
                raise VerificationFailed(misplaced(f"{change}/{seq:06d}"))
        return events

    def event(self, key: str) -> Event:
        """One event. Raises VerificationFailed naming the key when it is gone or can't be read."""
        return read_event(key, self._believed(key).body)

    def _believed(self, key: str) -> Stored:
        """What was stored under the key. Raises VerificationFailed when that is gone, or more than was ever written."""
        try:
            return self.store.get(key)
        except Missing:
            raise VerificationFailed(*gone(key)) from None
        except Oversized as error:
            raise VerificationFailed(error.message, FIND_OUT) from error

    def ledger(self, change: str) -> Ledger:
        """What the events say of a change, once they are what the signed head vouches for.

        Raises VerificationFailed when they are not, or when the plan is another than they announced.
        """
        head = self.head()  # first: events that are stored meanwhile go behind what it names
        signed, events = self.plan(change), self.events(change)
        if head is not None and head.last is not None and head.last.change == change:
            key = f"{self.root}/changes/{change}/events/{head.last.seq:06d}"
            _check_signed(key, head.last, next(iter(events[head.last.seq :]), None))
        if events and events[0].detail.get("plan") != signed.digest:
            raise VerificationFailed(*exchanged(f"{self.root}/changes/{change}/plan"))
        self._check_steps(signed.plan, events)
        return Ledger.of(signed.plan, events)

    def event_key(self, event: Event) -> str:
        """Where the event is stored."""
        return f"{self.root}/changes/{event.change}/events/{event.seq:06d}"

    def _check_steps(self, plan: Plan, events: Sequence[Event]) -> None:
        steps = {"", *(step.id for step in plan.steps)}
        for event in events:
            if event.step not in steps:
                raise VerificationFailed(*unplanned(self.event_key(event)))

    def is_settled(self, change: str) -> bool:
        """Whether nothing of a change can be under way: it was closed for good, or its first event was never stored.

        Raises VerificationFailed when the signed head knows better, or its last event can't be read.
        """
        keys = list(self.store.keys(f"{self.root}/changes/{change}/events/"))
        self.believed_head(change)
        last = self.event(keys[-1]) if keys else None
        return last is None or (last.kind == "closed" and last.detail["state"] != "stopped")

    def believed_head(self, change: str | None = None) -> Head | None:
        """The head, once the event that it names is there, where that is one of `change` (default: of any).

        Raises VerificationFailed when it is gone or another: a change that acted is not to be taken for none.
        """
        head = self.head()
        if head is not None and head.last is not None and change in (None, head.last.change):
            key = f"{self.root}/changes/{head.last.change}/events/{head.last.seq:06d}"
            _check_signed(key, head.last, self.event(key))
        return head

    def head(self) -> Head | None:
        """The signed head; None in a new environment. Raises VerificationFailed when the signature does not fit."""
        stored = self._stored_head()
        return stored[0] if stored else None

    def _stored_head(self) -> tuple[Head, str] | None:
        try:
            stored = self.store.get(self._head_key)
        except Missing:
            if self.changes():
                raise VerificationFailed(*BEHEADED) from None
            return None
        except Oversized as error:
            raise VerificationFailed(error.message, FIND_OUT) from error
        return read_head(stored.body, self.verifier, self._head_key), stored.etag

    @property
    def _head_key(self) -> str:
        return f"{self.root}/journal/head"

    def newest_change(self) -> str | None:
        """The change that acted last, even when its control node died before the head could follow."""
        head = self.head()
        if head is None:
            return None
        if head.opening and next(self.store.keys(f"{self.root}/changes/{head.opening}/events/"), None):
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

    def move_head(self, head: Head) -> None:
        """Sign and store the new end of the chain."""
        standing, body = self._stored_head(), signed_head(head, self.signer)
        if standing is None:
            create(self.store, self._head_key, body)
        else:
            replace(self.store, self._head_key, body, standing[1])

    def keep(self, key: str, body: bytes) -> None:
        """Into this control node's copy. A full disk here must not stop work that is under way on the hosts."""
        if self._copy is not None:
            with suppress(ClmError):
                self._copy.put(key, body)

    def kept(self, key: str) -> bytes | None:
        """From this control node's copy."""
        if self._copy is not None:
            with suppress(ClmError):
                return self._copy.get(key).body
        return None

    def keep_all(self, change: str) -> None:
        """Copy a change as it stands: the copy is whole even where another control node began it."""
        if self._copy is not None:
            for key in self.store.keys(f"{self.root}/changes/{change}/"):
                self.keep(key, self.store.get(key).body)


def _check_signed(key: str, last: Link, found: Event | None) -> None:
    if found is None or found.digest != last.digest:
        raise VerificationFailed(*unsigned(key))


def read_event(key: str, body: bytes) -> Event:
    """An event from its bytes, which its digest is of. Raises VerificationFailed naming the key."""
    try:
        return Event.model_validate_json(body).as_stored(sha256_hex(body))
    except ValidationError as error:
        raise VerificationFailed(unreadable(key, error.error_count())) from error
