"""The lease: one object in the state bucket says who may act in an environment.

It is never deleted, and its token only grows. There are two an environment, always taken in this order: `fleet` for all
that touches what runs, `data` for what reads or changes the data as a whole (backups, migrations).

Expiry means "unchanged for its time to live", measured by the reader's own monotonic clock: wall clocks are never
compared. A holder stops acting when half of that time has passed without a heartbeat that was stored. What a person
holds (`lease hold`) has no heartbeat and never expires.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from pydantic import ValidationError

from clmdeploy.changes.conditions import prove_conditions
from clmdeploy.changes.events import Who
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.changes.lease_document import (
    HOST_SETUP,
    LeaseDocument,
    StopWish,
    expired_words,
    held_error,
    held_words,
    unreadable_words,
)
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.ports import Clock, Missing, ObjectStore, Oversized, Stored
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.turns import Request, Standing
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ClmError, Conflict, LeaseHeld, OutcomeUnknown, UsageError, VerificationFailed
from clmdeploy.model.value import canonical_json

TIME_TO_LIVE = 30
POLL = 1.0


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

    def read(self, scope: Scope) -> Standing | None:
        """The lease and its entity tag; None before it was first taken. Raises VerificationFailed on rubbish."""
        try:
            stored: Stored = self.store.get(self.key(scope))
        except Missing:
            return None
        except Oversized as error:
            raise VerificationFailed(error.message, error.hint) from error
        try:
            return LeaseDocument.model_validate_json(stored.body), stored.etag
        except ValidationError as error:
            raise VerificationFailed(
                *unreadable_words(self.key(scope), self.environment, error.error_count())
            ) from error

    def newest(self, scope: Scope) -> int:
        """The newest token; 0 before the lease was first taken."""
        standing = self.read(scope)
        return standing[0].token if standing else 0

    def acquire(self, request: Request) -> HeldLease:
        """Take the lease, waiting `request.wait` seconds at most. Raises LeaseHeld, or OutcomeUnknown if it expired."""
        deadline = self.clock.monotonic() + request.wait
        while True:
            standing = self._await_free(request.scope, deadline, request.give_up)
            try:
                return self._take(request, standing)
            except Conflict:
                continue

    def await_free(self, scope: Scope, wait: float) -> None:
        """Wait `wait` seconds at most until nobody holds the lease, without taking it. Raises as `acquire` does."""
        self._await_free(scope, self.clock.monotonic() + wait)

    def _await_free(
        self, scope: Scope, deadline: float, give_up: Callable[[], bool] = lambda: False
    ) -> Standing | None:
        watch = _Watch(self.clock)
        while True:
            standing = self.read(scope)
            if standing is None or not standing[0].held:
                return standing
            document = standing[0]
            if watch.saw_expire(standing):
                if self._left_nothing(document):
                    return standing
                raise OutcomeUnknown(*expired_words(document, self.environment))
            if self.clock.monotonic() >= deadline or give_up():
                raise held_error(document, self.environment)
            self.clock.sleep(POLL)

    def take_over(self, request: Request) -> HeldLease:
        """Take the lease to resume or abort a change: at once when it is free, else after it has expired.

        Raises LeaseHeld when somebody else holds it, or when the change's own control node is alive.
        """
        watch = _Watch(self.clock)
        while True:
            standing = self.read(request.scope)
            if standing is not None and standing[0].held and not self._may_go(request, standing, watch):
                self.clock.sleep(POLL)
                continue
            try:
                return self._take(request, standing)
            except Conflict:
                watch = _Watch(self.clock)

    def _may_go(self, request: Request, standing: Standing, watch: _Watch) -> bool:
        """Whether the holder is gone by now."""
        document = standing[0]
        if document.manual or (document.change != request.change and not self._left_nothing(document)):
            raise held_error(document, self.environment)
        expired = watch.saw_expire(standing)
        if watch.saw_life:
            words, hint = held_words(document, self.environment)
            raise LeaseHeld(
                Bilingual(
                    f"change {document.change} is alive: {words}",
                    f"изменение {document.change} ещё выполняется: {russian(words)}",
                ),
                hint,
            )
        return expired

    def succeed(self, request: Request) -> HeldLease | None:
        """Take the lease from a lost holder of the same change, at once; None where no such holder stands.

        For a second lease of a change whose first one has been taken over: its old holder can't act any more.
        """
        standing = self.read(request.scope)
        if standing is None or not standing[0].held or standing[0].change != request.change:
            return None
        return self._take(request, standing)

    def hold(self, request: Request) -> LeaseDocument:
        """Take the lease for a person: until `let_go`, whatever happens to this process. Raises as `acquire` does."""
        deadline = self.clock.monotonic() + request.wait
        while True:
            standing = self._await_free(request.scope, deadline)
            document = self._document(request, standing).model_copy(update={"manual": True})
            try:
                self.write(document, standing[1] if standing else None)
            except Conflict:
                continue
            return document

    def let_go(self, scope: Scope) -> LeaseDocument:
        """End what a person holds. Raises UsageError when nobody holds it by hand: a change ends its own lease."""
        standing = self.read(scope)
        if standing is None or not standing[0].held:
            raise UsageError(
                Bilingual(
                    f"nobody holds the {scope} lease of {self.environment}: there is nothing to release",
                    f"блокировку {scope} среды {self.environment} никто не держит: снимать нечего",
                )
            )
        document, etag = standing
        if not document.manual:
            who = document.who.principal
            raise UsageError(
                Bilingual(
                    f"change {document.change} of {who} holds the {scope} lease, not a person",
                    f"блокировку {scope} держит изменение {document.change} ({who}), а не человек",
                ),
                Bilingual(
                    f"`clmdeploy change resume -e {self.environment}` finishes it, `change abort` takes it back",
                    f"завершить его: `clmdeploy change resume -e {self.environment}`; откатить: `change abort`",
                ),
            )
        self.write(document.model_copy(update={"held": False, "nonce": secrets.token_hex(8)}), etag)
        return document

    def renew(self, who: Who, above: int, change: str) -> None:
        """Raise the fleet lease's token over `above`; `change` may stand open meanwhile. Raises as `take_over` does."""
        self.take_over(Request("fleet", who, change, "renew the lease", above=above)).release()

    def ask_to_stop(self, document: LeaseDocument, who: Who, reason: str) -> None:
        """Ask a holder that yields to stop at its next safe point; it sees the wish with its next heartbeat."""
        wish = StopWish(scope=document.scope, token=document.token, who=who, reason=reason)
        self.store.put(self._wish_key(document.scope), canonical_json(wish))

    def stop_wish(self, document: LeaseDocument) -> StopWish | None:
        """What this holder was asked; None when nobody has, or the storage can't tell now."""
        try:
            wish = StopWish.model_validate_json(self.store.get(self._wish_key(document.scope)).body)
        except (ClmError, ValidationError):
            return None
        return wish if wish.token == document.token else None

    def _wish_key(self, scope: Scope) -> str:
        return f"{self.key(scope)}-stop"

    def _left_nothing(self, document: LeaseDocument) -> bool:
        """The holder died between the end of its change and giving the lease back, or before it began."""
        return document.change != HOST_SETUP and self._is_settled(document.change)

    def _take(self, request: Request, standing: Standing | None) -> HeldLease:
        document = self._document(request, standing)
        return HeldLease(self, document, self.write(document, standing[1] if standing else None))

    def _document(self, request: Request, standing: Standing | None) -> LeaseDocument:
        newest = max(standing[0].token if standing else 0, request.above)
        now = self.clock.now().isoformat(timespec="seconds")
        return LeaseDocument(
            scope=request.scope, token=newest + 1, held=True, who=request.who, change=request.change,
            reason=request.reason, nonce=secrets.token_hex(8), time_to_live=self.time_to_live, yields=request.yields,
            since=now, renewed=now,
        )  # fmt: skip

    def write(self, document: LeaseDocument, etag: str | None) -> str:
        """Store the lease in place of what `etag` names; its new entity tag. Raises Conflict.

        Raises StoreRefused instead of writing the first one where the storage keeps no conditions.
        """
        key, body = self.key(document.scope), canonical_json(document)
        if etag is None:
            prove_conditions(self.store, f"{key}-probe")
            return create(self.store, key, body)
        return replace(self.store, key, body, etag)


class _Watch:
    """Watches a lease that somebody holds, by this machine's own monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._etag = ""
        self._since = 0.0
        self.saw_life = False

    def saw_expire(self, standing: Standing) -> bool:
        """Whether it has stood unchanged for its time to live. What a person holds never expires."""
        document, etag = standing
        if etag != self._etag:
            self.saw_life = bool(self._etag)
            self._etag, self._since = etag, self._clock.monotonic()
        return not document.manual and self._clock.monotonic() - self._since > document.time_to_live
