"""The lease: one holder, a token that only grows, expiry by the reader's own clock, nothing stolen silently."""

from __future__ import annotations

import time
from typing import Any

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.events import Who
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.lease_document import LeaseDocument
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import (
    LeaseHeld,
    OutcomeUnknown,
    StoreRefused,
    StoreUnavailable,
    UsageError,
    VerificationFailed,
)
from clmdeploy.model.value import canonical_json

from .conftest import FakeClock

WHO = Who(principal="ivanova", user="root", host="control1")


def request(change: str = "c1", wait: float = 0.0) -> Request:
    return Request("fleet", WHO, change, f"work {change}", wait)


def leases(store: MemoryStore | None = None, clock: FakeClock | None = None) -> Leases:
    return Leases(store or MemoryStore(), "test", clock or FakeClock())


def silence(lease: HeldLease) -> None:
    """Let the holder be gone without a word: no heartbeat, no release."""
    lease._stop.set()
    lease._thread.join()


def test_the_token_grows_with_every_holder() -> None:
    """Each taking raises the token by one, and the object is never deleted."""
    store = MemoryStore()
    for expected in (1, 2, 3):
        held = leases(store).acquire(request())
        assert held.fence.token == expected
        held.release()
    assert list(store.keys("")) == ["test/lease/fleet", "test/lease/fleet-probe"]


def test_no_first_lease_where_conditions_are_ignored() -> None:
    """Two could hold it at once: refused before there is one, each time, and the remedy is named."""
    store = MemoryStore(conditional_writes=False)
    for _try in range(2):
        with pytest.raises(StoreRefused) as refusal:
            leases(store).acquire(request())
        assert "If-None-Match" in refusal.value.message
        assert "doctor" in refusal.value.hint
    assert "test/lease/fleet" not in store.keys("")


def test_a_second_operator_is_told_who_why_and_since_when() -> None:
    """Without waiting the answer is at once."""
    some = leases()
    held = some.acquire(request())
    with pytest.raises(LeaseHeld) as refusal:
        some.acquire(request("c2"))
    assert all(word in refusal.value.message for word in ("ivanova", "control1", "work c1", "2026-01-01T"))
    held.release()


def test_a_waiting_operator_gets_the_lease_when_it_is_released() -> None:
    """`wait` polls until the holder is done."""
    clock = FakeClock()
    some = leases(clock=clock)
    held = some.acquire(request())
    naps = iter(range(10))
    sleep = clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if next(naps) == 2:
            held.release()

    clock.sleep = nap  # type: ignore[method-assign]
    second = some.acquire(request("c2", wait=20))
    assert second.fence.token == 2
    second.release()


def test_an_expired_lease_is_never_silently_stolen() -> None:
    """Who waits out a dead holder is told what was under way, and how to go on or take back."""
    some = leases()
    silence(some.acquire(request()))
    with pytest.raises(OutcomeUnknown, match="c1") as told:
        some.acquire(request("c2", wait=1000))
    assert "change resume c1" in told.value.hint
    assert "change abort c1" in told.value.hint


def test_resume_takes_an_expired_lease_over_with_a_newer_token() -> None:
    """The one who goes on with that very change waits for expiry, then fences the dead holder off."""
    clock = FakeClock()
    some = leases(clock=clock)
    dead = some.acquire(request())
    silence(dead)
    began = clock.monotonic()
    held = some.take_over(request())
    assert held.fence.token == 2
    assert clock.monotonic() - began >= 30
    held.release()
    with pytest.raises(OutcomeUnknown):
        dead.check()


def test_a_living_holder_is_not_taken_over() -> None:
    """A heartbeat seen while waiting proves life."""
    clock = FakeClock()
    some = leases(clock=clock)
    alive = some.acquire(request())
    naps = iter(range(100))
    sleep = clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        if next(naps) == 3:
            with alive._lock:
                alive._put(held=True)

    clock.sleep = nap  # type: ignore[method-assign]
    with pytest.raises(LeaseHeld, match="alive"):
        some.take_over(request())
    alive.release()


def test_a_holder_stops_acting_at_half_the_time_to_live() -> None:
    """Long before anybody may take over, a holder that could store no heartbeat refuses to act."""
    clock, store = FakeClock(), MemoryStore()
    held = leases(store, clock).acquire(request())
    silence(held)
    store.put = out_of_reach  # type: ignore[method-assign]
    clock.sleep(14)
    held.check()
    clock.sleep(2)
    with pytest.raises(OutcomeUnknown, match="no heartbeat"):
        held.check()


def out_of_reach(*_what: object, **_more: object) -> str:
    raise StoreUnavailable("the storage does not answer")


def test_a_holder_that_can_store_a_heartbeat_again_goes_on() -> None:
    """The storage was silent for a while and nobody took over: no reason to leave hosts drained half-way."""
    clock, store = FakeClock(), MemoryStore()
    held = leases(store, clock).acquire(request())
    silence(held)
    clock.sleep(20)
    held.check()
    with pytest.raises(LeaseHeld):
        leases(store, clock).acquire(request("c2"))
    held.release()


def test_a_holder_that_was_taken_over_while_it_slept_stops() -> None:
    """Its late heartbeat is refused: the lease is not the one that it knew."""
    clock, store = FakeClock(), MemoryStore()
    asleep = leases(store, clock).acquire(request())
    silence(asleep)
    taken = leases(store, clock).take_over(request())
    with pytest.raises(OutcomeUnknown, match="took it over"):
        asleep.check()
    taken.release()


def lost_answers(store: MemoryStore) -> None:
    """From now on every write happens, but nobody hears of it."""
    put = MemoryStore.put

    def unheard(key: str, body: bytes, **condition: Any) -> str:
        put(store, key, body, **condition)
        raise StoreUnavailable("the answer was lost")

    store.put = unheard  # type: ignore[method-assign]


def test_a_heartbeat_whose_answer_was_lost_is_ones_own() -> None:
    """What stands there was written by this holder: it goes on, and gives the lease back in the end."""
    clock, store = FakeClock(), MemoryStore()
    held = leases(store, clock).acquire(request())
    silence(held)
    lost_answers(store)
    clock.sleep(20)
    with pytest.raises(OutcomeUnknown, match="no heartbeat"):
        held.check()
    del store.put  # type: ignore[method-assign]
    held.check()
    held.release()
    assert not found(leases(store)).held


def test_a_heartbeat_that_nobody_foresaw_to_fail_is_a_silence() -> None:
    """It ends neither the thread that keeps the lease, unseen, nor the program: it is told as a lease that is lost."""

    def odd(*_what: object, **_more: object) -> str:
        raise KeyError("ETag")

    clock, store = FakeClock(), MemoryStore()
    held = Leases(store, "test", clock, time_to_live=1).acquire(request())
    store.put = odd  # type: ignore[method-assign]
    for _ in range(100):
        if held._trouble:
            break
        time.sleep(0.05)
    assert held._trouble == "KeyError: 'ETag'"
    assert held._thread.is_alive()
    clock.sleep(1)
    with pytest.raises(OutcomeUnknown, match="no heartbeat could be stored for 1 s: KeyError: 'ETag'"):
        held.check()
    del store.put  # type: ignore[method-assign]
    held.check()
    held.release()
    assert not found(leases(store)).held


def test_what_a_person_holds_never_expires() -> None:
    """Neither by time nor by resume or abort of some change; a person ends it."""
    some = leases()
    some.hold(request(""))
    for attempt in (some.acquire, some.take_over):
        with pytest.raises(LeaseHeld, match="by hand") as told:
            attempt(request("", wait=5000))
        assert "lease release" in told.value.hint
    assert some.let_go("fleet").reason == "work "
    some.acquire(request()).release()


def test_a_change_ends_its_own_lease() -> None:
    """What a change holds is not a person's to release; nor is what nobody holds."""
    some = leases()
    with pytest.raises(UsageError, match="nobody holds"):
        some.let_go("fleet")
    held = some.acquire(request())
    with pytest.raises(UsageError, match="change c1"):
        some.let_go("fleet")
    held.release()


def test_a_token_can_be_raised_above_what_the_hosts_have_seen() -> None:
    """After work without the storage, or a bucket restored from an old copy."""
    some = leases()
    held = some.acquire(Request("fleet", WHO, "c1", "r", above=41))
    assert held.fence.token == 42
    held.release()


def test_a_lease_is_inherited_from_a_lost_holder_of_the_same_change_only() -> None:
    """At once: the change's other lease, taken over before, has fenced that holder."""
    some = leases()
    assert some.succeed(request()) is None
    dead = some.acquire(request())
    silence(dead)
    assert some.succeed(request("c2")) is None
    held = some.succeed(request())
    assert held is not None
    assert held.fence.token == 2
    held.release()


def test_a_holder_that_yields_is_told_who_asks_and_why() -> None:
    """A wish is for one token: the next holder does not hear it."""
    some = Leases(MemoryStore(), "test", FakeClock(), time_to_live=1)
    backup = some.acquire(Request("data", WHO, "b1", "nightly backup", yields=True))
    some.ask_to_stop(found(some, "data"), WHO, "rollback waits")
    deadline = time.monotonic() + 10
    while backup.stop_wish is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert backup.stop_wish is not None
    assert backup.stop_wish.reason == "rollback waits"
    backup.release()
    again = some.acquire(Request("data", WHO, "b2", "nightly backup", yields=True))
    assert some.stop_wish(found(some, "data")) is None
    again.release()


def found(some: Leases, scope: Scope = "fleet") -> LeaseDocument:
    standing = some.read(scope)
    assert standing is not None
    return standing[0]


def test_a_lease_of_another_format_is_refused_by_name() -> None:
    """Rubbish under the lease's key is never taken for a free lease."""
    store = MemoryStore()
    store.put("test/lease/fleet", b'{"format":"lease/99"}')
    with pytest.raises(VerificationFailed, match="test/lease/fleet"):
        leases(store).acquire(request())


@pytest.mark.parametrize(
    "forged", [{"since": "long ago"}, {"renewed": "2026-01-01T00:00:00"}, {"since": ""}, {"time_to_live": 10**9}]
)
def test_a_lease_that_nobody_could_have_written_is_refused_by_name(forged: dict[str, str | int]) -> None:
    """Nobody stumbles over its times later, or waits a lifetime for it."""
    store = MemoryStore()
    held = leases(store).acquire(request())
    held.release()
    document = found(leases(store)).model_dump() | forged
    store.put("test/lease/fleet", canonical_json(document))
    with pytest.raises(VerificationFailed, match="test/lease/fleet"):
        leases(store).read("fleet")


def test_the_stored_lease_has_a_stable_form() -> None:
    """Another control node, of this version or the next, reads it."""
    document = LeaseDocument(
        scope="fleet", token=7, held=True, who=WHO, change="c1", reason="r", nonce="n",
        since="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    assert canonical_json(document).decode() == (
        '{"change":"c1","format":"lease/1","held":true,"manual":false,"nonce":"n","reason":"r","renewed":"","scope":"fleet",'
        '"since":"2026-01-01T00:00:00+00:00","time_to_live":30,"token":7,"who":{"host":"control1","job":null,"principal":"ivanova","user":"root"},"yields":false}'
    )
