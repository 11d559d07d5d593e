"""A lease that this process holds."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from clmdeploy.changes.guarded import Fence
from clmdeploy.changes.lease_document import LeaseDocument, StopWish
from clmdeploy.changes.persistence import own_etag
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ClmError, Conflict, OutcomeUnknown, StoreUnavailable
from clmdeploy.model.value import canonical_json

if TYPE_CHECKING:
    from clmdeploy.changes.lease import Leases

PAUSE = 1.0  # seconds between two tries of a write while the storage is silent


class Holding(Protocol):
    """What the executor needs of whatever keeps everybody else out."""

    @property
    def fence(self) -> Fence: ...

    @property
    def stop_wish(self) -> StopWish | None:
        """Who has asked the holder to stop at its next safe point, and why."""

    def check(self) -> None:
        """Raises OutcomeUnknown when this process may act no longer."""

    def outlast(self, error: StoreUnavailable, tries: int) -> None:
        """A pause while the storage is silent; raises when that is enough."""

    def release(self) -> None: ...


class HeldLease:
    """Keeps the lease alive from a thread of its own until it is released."""

    def __init__(self, leases: Leases, document: LeaseDocument, etag: str) -> None:
        self._leases = leases
        self._document = document
        self._etag = etag
        self._unanswered: dict[bytes, LeaseDocument] = {}
        self._beaten = leases.clock.monotonic()
        self._lost = ""
        self._trouble = ""
        self._silent_since = 0.0
        self._wish: StopWish | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._thread.start()

    @property
    def fence(self) -> Fence:
        return Fence(scope=self._document.scope, token=self._document.token)

    @property
    def stop_wish(self) -> StopWish | None:
        """See Holding; learnt with a heartbeat."""
        return self._wish

    def check(self) -> None:
        """Raises OutcomeUnknown when this process may act no longer: somebody took over, or the storage is silent.

        After a long silence it tries once more: a heartbeat that is stored proves that nobody took over meanwhile.
        """
        if not self._lost and self._is_stale():
            with self._lock:
                if self._is_stale():
                    self._beat(held=True)
        if self._lost or self._is_stale():
            raise OutcomeUnknown(*_lost_words(self._lost or self._silence(), self._leases.environment))

    def outlast(self, error: StoreUnavailable, tries: int) -> None:
        """Patience with a silent storage: a pause, for as long as this process may still act, but not for ever."""
        self.check()
        now = self._leases.clock.monotonic()
        self._silent_since = now if tries == 1 else self._silent_since
        if now - self._silent_since > self._document.time_to_live:
            raise error
        self._leases.clock.sleep(PAUSE)

    def _silence(self) -> str:
        silent = self._leases.clock.monotonic() - self._beaten
        trouble = f": {self._trouble}" if self._trouble else ""
        return Bilingual(
            f"no heartbeat could be stored for {silent:.0f} s{trouble}",
            f"продлить её не удаётся уже {silent:.0f} с{trouble}",
        )

    def _is_stale(self) -> bool:
        return self._leases.clock.monotonic() - self._beaten > self._document.time_to_live / 2

    def release(self) -> None:
        """Give the lease back. Losing it before is no fault: somebody else has it then."""
        self._stop.set()
        self._thread.join(timeout=60)
        if not self._lost:
            with self._lock:
                self._beat(held=False)

    def _keep_alive(self) -> None:
        while not (self._lost or self._stop.wait(self._document.time_to_live / 4)):
            with self._lock:
                self._beat(held=True)
            if self._document.yields:
                self._try(self._see_wish)

    def _beat(self, *, held: bool) -> None:
        """Try to store a heartbeat; `check` tells when none could be stored for long."""
        self._try(lambda: self._put(held=held))

    def _try(self, act: Callable[[], None]) -> None:
        """Nothing may end the thread that keeps the lease: nobody would know until another took it over."""
        try:
            act()
        except ClmError as error:
            self._trouble = error.message
        except Exception as error:  # noqa: BLE001  # see above; `check` tells it
            self._trouble = f"{type(error).__name__}: {error}"

    def _see_wish(self) -> None:
        self._wish = self._leases.stop_wish(self._document)

    def _put(self, *, held: bool) -> None:
        begun = self._leases.clock.monotonic()
        now = self._leases.clock.now().isoformat(timespec="seconds")
        beat = {"nonce": secrets.token_hex(8), "held": held, "renewed": now}
        renewed = self._document.model_copy(update=beat)
        self._unanswered[canonical_json(renewed)] = renewed
        try:
            self._etag = self._leases.write(renewed, self._etag)
        except Conflict:
            if self._found_own():
                self._put(held=held)
        else:
            self._document, self._beaten, self._trouble = renewed, begun, ""
            self._unanswered.clear()

    def _found_own(self) -> bool:
        """Whether what stands there is an earlier heartbeat of ours whose answer was lost; else the lease is lost."""
        key = self._leases.key(self._document.scope)
        etag = own_etag(self._leases.store, key, *self._unanswered)
        if etag is None:
            self._lost = Bilingual("another control node took it over", "её перехватил другой управляющий узел")
            return False
        self._etag = etag
        self._unanswered.clear()
        return True


def _lost_words(reason: str, environment: str) -> tuple[str, str]:
    resume = f"`clmdeploy change resume -e {environment}`"
    return (
        Bilingual(
            f"the lease of this change is lost: {reason}", f"блокировка этого изменения потеряна: {russian(reason)}"
        ),
        Bilingual(f"run {resume} once the storage answers again", f"когда хранилище снова ответит: {resume}"),
    )
