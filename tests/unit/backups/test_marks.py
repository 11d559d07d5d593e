"""Marks of verification: one signed object says of every point when it was read back, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.backups.marks import Mark, MarkBook
from clmdeploy.model.errors import Conflict, VerificationFailed

from .conftest import BEGIN, Seal, make_point

FIRST, SECOND = (make_point(BEGIN + timedelta(days=day)).id for day in (0, 1))


class RacedStore(MemoryStore):
    """Lets somebody else act just before a write."""

    def __init__(self) -> None:
        super().__init__()
        self.before_write: Callable[[], None] = lambda: None

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        act, self.before_write = self.before_write, lambda: None
        act()
        return super().put(key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)


def book(store: MemoryStore, seal: Seal, environment_id: str = "uuid-of-lab") -> MarkBook:
    return MarkBook(store, "lab", environment_id, seal, seal)


def mark(point: str, days: int = 0, *faults: str) -> Mark:
    at = BEGIN + timedelta(days=days)
    return Mark(point=point, at=at, verified=None if faults else at, faults=faults)


def test_what_a_verification_found_is_kept_beside_what_others_found(seal: Seal) -> None:
    """The newer word on a point counts, whichever way it goes; an older one that comes late does not."""
    kept = book(MemoryStore(), seal)
    assert kept.read().marks == ()
    kept.note([mark(FIRST, 1), mark(SECOND, 1)])
    kept.note([mark(SECOND, 2, "it is damaged"), mark(FIRST, 0, "was damaged")])
    assert kept.read().by_point == {FIRST: mark(FIRST, 1), SECOND: mark(SECOND, 2, "it is damaged")}
    kept.forget([SECOND])
    assert list(kept.read().by_point) == [FIRST]


def test_two_verifications_at_the_same_moment_lose_no_word(seal: Seal) -> None:
    """Who loses the race reads again; before the first mark and after it."""
    store = RacedStore()
    for days in (0, 1):
        store.before_write = lambda days=days: book(store, seal).note([mark(FIRST, days)])  # type: ignore[misc]
        book(store, seal).note([mark(SECOND, days)])
        assert book(store, seal).read().by_point == {FIRST: mark(FIRST, days), SECOND: mark(SECOND, days)}


def test_a_race_that_does_not_end_is_told(seal: Seal) -> None:
    """Rather than tried for ever."""
    store = RacedStore()

    kept = book(store, seal)

    def again(number: int = 1) -> None:
        book(store, seal).note([mark(SECOND, number)])
        store.before_write = lambda: again(number + 1)

    store.before_write = again
    with pytest.raises(Conflict):
        kept.note([mark(FIRST, 9)])
    assert list(kept.read().by_point) == [SECOND]


@pytest.mark.parametrize("forgery", ["rubbish", "another key's", "another environment's"])
def test_marks_that_can_not_be_believed_are_refused(seal: Seal, stranger: Seal, forgery: str) -> None:
    """A forged mark would let the only good point be removed."""
    store = MemoryStore()
    if forgery == "rubbish":
        store.put("lab/verification/marks", b"{}")
    elif forgery == "another key's":
        stranger.trusted = (stranger.principal,)
        book(store, stranger).note([mark(FIRST)])
    else:
        book(store, seal, "uuid-of-another").note([mark(FIRST)])
    with pytest.raises(VerificationFailed, match="lab/verification/marks"):
        book(store, seal).read()
