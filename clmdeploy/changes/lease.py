"""The lease: one object in the state bucket says who may act in an environment.

It is never deleted, and its token only grows.

Expiry means "unchanged for its time to live", measured by the reader's own monotonic clock: wall clocks are never
compared. A holder stops acting when half of that time has passed without a heartbeat that was stored.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Fence
from clmdeploy.changes.ports import Clock, Missing, ObjectStore, Stored
from clmdeploy.model.errors import ClmError, Conflict, LeaseHeld, OutcomeUnknown, VerificationFailed
from clmdeploy.model.value import Value, canonical_json

Scope = Literal["fleet", "data"]
TIME_TO_LIVE = 30
POLL = 1.0
HOST_SETUP = "host-setup"
"""what holds the lease while bare hosts are prepared: no change, as there is no guard yet to go through"""


class LeaseDocument(Value):
    """The lease as stored."""

    format: Literal["lease/1"] = "lease/1"
    scope: Scope
    token: int = Field(ge=1)
    held: bool
    who: Who
    change: str = ""
    reason: str = ""
    since: str = Field(description="wall clock of the holder when it took the lease; for people")
    time_to_live: int = Field(TIME_TO_LIVE, description="seconds without a heartbeat after which it counts as expired")
    nonce: str = Field(description="renewed with each write, so that a lost answer can be told from a lost race")


@dataclass(frozen=True)
class Request:
    """Who wants the lease, what for, and how long it may wait for it."""

    scope: Scope
    who: Who
    change: str
    reason: str
    wait: float = 0.0


class Leases:
    """The leases of one environment."""

    def __init__(
        self,
        store: ObjectStore,
        environment: str,
        clock: Clock,
        time_to_live: int = TIME_TO_LIVE,
        is_settled: Callable[[str], bool] = lambda _change: False,
    ) -> None:
        """`is_settled`: whether nothing of a change can be under way any more; then its expired lease is free."""
        self.store = store
        self.environment = environment
        self.clock = clock
        self.time_to_live = time_to_live
        self._is_settled = is_settled

    def key(self, scope: Scope) -> str:
        return f"{self.environment}/lease/{scope}"

    def read(self, scope: Scope) -> tuple[LeaseDocument, str] | None:
        """The lease and its entity tag; None before it was first taken. Raises VerificationFailed on rubbish."""
        try:
            stored: Stored = self.store.get(self.key(scope))
        except Missing:
            return None
        try:
            return LeaseDocument.model_validate_json(stored.body), stored.etag
        except ValidationError as error:
            raise VerificationFailed(f"{self.key(scope)} is not a lease: {error.error_count()} faults") from error

    def acquire(self, request: Request) -> HeldLease:
        """Take the lease, waiting `request.wait` seconds at most. Raises LeaseHeld, or OutcomeUnknown if it expired."""
        deadline = self.clock.monotonic() + request.wait
        while True:
            standing = self._await_free(request.scope, deadline)
            try:
                return self._take(request, standing)
            except Conflict:
                continue

    def await_free(self, scope: Scope, wait: float) -> None:
        """Wait `wait` seconds at most until nobody holds the lease, without taking it. Raises as `acquire` does."""
        self._await_free(scope, self.clock.monotonic() + wait)

    def _await_free(self, scope: Scope, deadline: float) -> tuple[LeaseDocument, str] | None:
        watched: tuple[str, float] | None = None
        while True:
            standing = self.read(scope)
            if standing is None or not standing[0].held:
                return standing
            document, etag = standing
            if watched is None or watched[0] != etag:
                watched = (etag, self.clock.monotonic())
            elif self.clock.monotonic() - watched[1] > document.time_to_live:
                if self._left_nothing(document):
                    return standing
                raise OutcomeUnknown(*expired_words(document, self.environment))
            if self.clock.monotonic() >= deadline:
                raise LeaseHeld(*held_words(document, self.environment))
            self.clock.sleep(POLL)

    def take_over(self, request: Request) -> HeldLease:
        """Take the lease to resume or abort a change: at once when it is free, else after it has expired."""
        watched: tuple[str, float] | None = None
        while True:
            standing = self.read(request.scope)
            if standing is not None and standing[0].held:
                document, etag = standing
                if document.change != request.change and not self._left_nothing(document):
                    raise LeaseHeld(*held_words(document, self.environment))
                if watched is None or watched[0] != etag:
                    if watched is not None:
                        words, hint = held_words(document, self.environment)
                        raise LeaseHeld(f"change {document.change} is alive: {words}", hint)
                    watched = (etag, self.clock.monotonic())
                if self.clock.monotonic() - watched[1] <= document.time_to_live:
                    self.clock.sleep(POLL)
                    continue
            try:
                return self._take(request, standing)
            except Conflict:
                watched = None

    def _left_nothing(self, document: LeaseDocument) -> bool:
        """The holder died between the end of its change and giving the lease back, or before it began."""
        return document.change != HOST_SETUP and self._is_settled(document.change)

    def _take(self, request: Request, standing: tuple[LeaseDocument, str] | None) -> HeldLease:
        document = LeaseDocument(
            scope=request.scope, token=standing[0].token + 1 if standing else 1, held=True, who=request.who,
            change=request.change, reason=request.reason, nonce=secrets.token_hex(8), time_to_live=self.time_to_live,
            since=self.clock.now().isoformat(timespec="seconds"),
        )  # fmt: skip
        etag = self._write(document, standing[1] if standing else None)
        return HeldLease(self, document, etag)

    def _write(self, document: LeaseDocument, etag: str | None) -> str:
        key, body = self.key(document.scope), canonical_json(document)
        if etag is None:
            return self.store.put(key, body, only_if_absent=True)
        return self.store.put(key, body, only_if_etag=etag)


class HeldLease:
    """A lease that this process holds and keeps alive from a thread of its own until it is released."""

    def __init__(self, leases: Leases, document: LeaseDocument, etag: str) -> None:
        self._leases = leases
        self._document = document
        self._etag = etag
        self._beaten = leases.clock.monotonic()
        self._lost = ""
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._thread.start()

    @property
    def fence(self) -> Fence:
        return Fence(scope=self._document.scope, token=self._document.token)

    def check(self) -> None:
        """Raises OutcomeUnknown when this process may act no longer: somebody took over, or the storage is silent.

        After a long silence it tries once more: a heartbeat that is stored proves that nobody took over meanwhile.
        """
        if not self._lost and self._is_stale():
            with self._lock:
                if self._is_stale():
                    self._put(held=True)
        if self._lost or self._is_stale():
            silent = self._leases.clock.monotonic() - self._beaten
            reason = self._lost or f"no heartbeat could be stored for {silent:.0f} s"
            raise OutcomeUnknown(
                f"the lease of this change is lost: {reason}",
                f"run `clmdeploy change resume -e {self._leases.environment}` once the storage answers again",
            )

    def _is_stale(self) -> bool:
        return self._leases.clock.monotonic() - self._beaten > self._document.time_to_live / 2

    def release(self) -> None:
        """Give the lease back. Losing it before is no fault: somebody else has it then."""
        self._stop.set()
        self._thread.join(timeout=60)
        if not self._lost:
            with self._lock:
                self._put(held=False)

    def _keep_alive(self) -> None:
        while not self._stop.wait(self._document.time_to_live / 4):
            with self._lock:
                self._put(held=True)
            if self._lost:
                return

    def _put(self, *, held: bool) -> None:
        begun = self._leases.clock.monotonic()
        renewed = self._document.model_copy(update={"nonce": secrets.token_hex(8), "held": held})
        try:
            self._etag = self._leases._write(renewed, self._etag)
        except Conflict:
            self._lost = "another control node took it over"
        except ClmError:
            return  # the storage is silent: `check` counts the time since the last stored heartbeat
        else:
            self._document, self._beaten = renewed, begun


def held_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds the lease taken."""
    who = f"{document.who.principal} ({document.who.user}@{document.who.host})"
    return (
        f"{who} holds the {document.scope} lease since {document.since}: {document.reason or document.change}",
        f"wait with --lease-wait SECONDS, or ask them; `clmdeploy lease show -e {environment}` tells more",
    )


def expired_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds a lease whose holder is gone."""
    if document.change == HOST_SETUP:
        return (
            f"a `host setup` of {document.who.principal} was cut off: silent for more than {document.time_to_live} s",
            f"run `clmdeploy host setup -e {environment}` again: a second run changes only what is still lacking",
        )
    return (
        f"change {document.change} of {document.who.principal} stands open: its control node has been silent "
        f"for more than {document.time_to_live} s",
        f"run `clmdeploy change resume {document.change} -e {environment}` to finish it, "
        f"or `clmdeploy change abort {document.change} -e {environment}` to take it back",
    )
