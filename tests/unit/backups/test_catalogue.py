"""The catalogue: a point is whole or not there; pins and removals exclude each other; damage hides no other point."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.backups.catalogue import Catalogue
from clmdeploy.backups.listing import Entry
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.standing import Removal, Standing, State
from clmdeploy.changes.ports import MEBIBYTE, Stored
from clmdeploy.model.errors import Conflict, InvalidInput, NothingChanged, StoreUnavailable, VerificationFailed

from .conftest import BEGIN, Seal, make_point


class CountingStore(MemoryStore):
    """Counts what is read, and can fall silent before its n-th write or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.fails: Callable[[str], bool] = lambda _key: False
        self.happened = False

    def get(self, key: str, limit: int = 16 * MEBIBYTE) -> Stored:
        self.reads.append(key)
        return super().get(key, limit)

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        failing = self.fails(key)
        if failing and not self.happened:
            raise StoreUnavailable("the storage does not answer")
        etag = super().put(key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)
        if failing:
            raise StoreUnavailable("the answer was lost")
        return etag


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def catalogue(store: CountingStore, seal: Seal) -> Catalogue:
    return Catalogue(store, "lab", "uuid-of-lab", seal, seal)


@pytest.fixture
def three(catalogue: Catalogue) -> list[Entry]:
    """Three points, newest first."""
    return [catalogue.publish(make_point(BEGIN + timedelta(days=day))) for day in (2, 1, 0)]


def standing(point: RestorePoint, state: State, nonce: str = "1") -> Standing:
    mode = "pitr" if state == "pinned" else None
    return Standing(
        point=point.id, environment_id="uuid-of-lab", state=state, mode=mode, by="admin@lab", at=BEGIN, nonce=nonce
    )


def removal(point: RestorePoint) -> Removal:
    return Removal(point=point.id, environment_id="uuid-of-lab", by="admin@lab", at=BEGIN)


def test_what_was_published_is_listed_newest_first(catalogue: Catalogue, three: list[Entry]) -> None:
    """With the principal who signed it."""
    listing = catalogue.listing()
    assert listing.points == tuple(three)
    assert (listing.going, listing.faults) == ((), ())
    assert catalogue.get(three[1].point.id) == three[1]


def test_publishing_twice_is_publishing_once(catalogue: Catalogue, seal: Seal) -> None:
    """A retry after a lost answer, by whichever key, finds its own; another point under this ID is refused."""
    point = make_point()
    catalogue.publish(point)
    catalogue.publish(point)
    seal.principal = "other@lab"
    catalogue.publish(point)
    assert len(catalogue.listing().points) == 1
    with pytest.raises(InvalidInput, match="another restore point"):
        catalogue.publish(point.model_copy(update={"reason": "another"}))


@pytest.mark.parametrize("happened", [False, True])
def test_a_publish_that_is_cut_off_can_be_repeated(store: CountingStore, catalogue: Catalogue, happened: bool) -> None:
    """Before the one write there is no point, after it there is a whole one."""
    store.fails, store.happened = lambda _key: True, happened
    with pytest.raises(StoreUnavailable):
        catalogue.publish(make_point())
    assert len(catalogue.listing().points) == happened
    store.fails = lambda _key: False
    catalogue.publish(make_point())
    assert len(catalogue.listing().points) == 1


def test_a_point_of_another_environment_is_not_published(catalogue: Catalogue) -> None:
    """A restore would bring it here."""
    for field in ("environment", "environment_id"):
        with pytest.raises(InvalidInput, match="belongs to"):
            catalogue.publish(make_point().model_copy(update={field: "prod"}))


def test_a_point_that_is_not_there_is_answered_with_its_neighbours(catalogue: Catalogue, three: list[Entry]) -> None:
    """A typing error at night costs one look."""
    with pytest.raises(InvalidInput) as caught:
        catalogue.get("20260106-000000000-0000")
    assert three[1].point.id in caught.value.hint
    with pytest.raises(InvalidInput, match="no restore point"):
        catalogue.get("../journal/head")


def test_the_index_makes_a_listing_one_read(store: CountingStore, catalogue: Catalogue, seal: Seal) -> None:
    """A thousand points: one object and one signature to check; what came later is read by itself."""
    for hours in range(1000):
        catalogue.publish(make_point(BEGIN + timedelta(hours=hours)))
    assert catalogue.reindex(catalogue.listing())
    catalogue.publish(make_point(BEGIN + timedelta(hours=1000)))
    store.reads.clear()
    seal.checked = 0
    assert len(catalogue.listing().points) == 1001
    assert (len(store.reads), seal.checked) == (2, 2)


@pytest.mark.parametrize("body", [b"", b"{}", None])
def test_the_index_is_no_authority(
    store: CountingStore, catalogue: Catalogue, three: list[Entry], body: bytes | None
) -> None:
    """Damaged, gone, or of another environment: all is read one by one, and found."""
    if body is None:
        other = Catalogue(store, "lab", "uuid-of-another", catalogue.signer, catalogue.verifier)
        other.reindex(catalogue.listing())
    else:
        store.put("lab/points-index", body)
    assert catalogue.listing().points == tuple(three)


def test_an_index_that_can_not_be_written_is_no_failure(store: CountingStore, catalogue: Catalogue) -> None:
    """The next one writes it."""
    store.fails = lambda key: key.endswith("index")
    assert not catalogue.reindex(catalogue.listing())


def test_one_damaged_manifest_hides_no_other(store: CountingStore, catalogue: Catalogue, three: list[Entry]) -> None:
    """It is told by name; `get` of it is refused."""
    damaged = three[1].point.id
    store.put(f"lab/points/{damaged}.json", b"rubbish")
    listing = catalogue.listing()
    assert listing.points == (three[0], three[2])
    assert [damaged in fault for fault in listing.faults] == [True]
    with pytest.raises(VerificationFailed, match=damaged):
        catalogue.get(damaged)


def test_a_manifest_under_another_name_is_refused(store: CountingStore, catalogue: Catalogue) -> None:
    """An old point put in place of a newer one would bring back old data under a new name."""
    catalogue.publish(make_point())
    later = make_point(BEGIN + timedelta(days=1)).id
    store.put(f"lab/points/{later}.json", store.get(f"lab/points/{make_point().id}.json").body)
    assert len(catalogue.listing().points) == 1
    with pytest.raises(VerificationFailed, match="belongs to"):
        catalogue.get(later)


def test_a_manifest_that_vanished_is_told(store: CountingStore, seal: Seal, three: list[Entry]) -> None:
    """The index remembers it; so retention does not mistake its backups for nobody's."""
    Catalogue(store, "lab", "uuid-of-lab", seal, seal).reindex(
        Catalogue(store, "lab", "uuid-of-lab", seal, seal).listing()
    )
    poorer = MemoryStore()
    for key in store.keys(""):
        if not key.endswith(f"{three[0].point.id}.json"):
            poorer.put(key, store.get(key).body)
    listing = Catalogue(poorer, "lab", "uuid-of-lab", seal, seal).listing()
    assert listing.points == (three[1], three[2])
    assert [three[0].point.id in fault for fault in listing.faults] == [True]


def test_a_pin_is_set_and_taken_away(catalogue: Catalogue, three: list[Entry]) -> None:
    """The manifest stays as it is."""
    point = three[0].point
    catalogue.stand(standing(point, "pinned"))
    assert catalogue.get(point.id).is_pinned
    assert [one.is_pinned for one in catalogue.listing().points] == [True, False, False]
    catalogue.stand(standing(point, "free"))
    assert not catalogue.get(point.id).is_pinned
    assert catalogue.get(point.id).point == point


def test_a_pin_that_can_not_be_believed_is_a_fault(
    store: CountingStore, catalogue: Catalogue, three: list[Entry]
) -> None:
    """The point is not listed as free: somebody may have pinned it."""
    store.put(f"lab/points/{three[0].point.id}.standing", b"{}")
    listing = catalogue.listing()
    assert three[0].point.id not in [one.point.id for one in listing.points]
    assert len(listing.faults) == 1


def test_a_pin_of_another_point_is_refused(store: CountingStore, catalogue: Catalogue, three: list[Entry]) -> None:
    """A word that it is free, copied over a pin, would let it go."""
    catalogue.stand(standing(three[1].point, "free"))
    body = store.get(f"lab/points/{three[1].point.id}.standing").body
    store.put(f"lab/points/{three[0].point.id}.standing", body)
    with pytest.raises(VerificationFailed, match="belongs to"):
        catalogue.get(three[0].point.id)


def test_a_removal_has_two_steps_and_can_be_finished_later(catalogue: Catalogue, three: list[Entry]) -> None:
    """From the first on it is no restore point; cut off between them, it is still known what has to go."""
    entry = three[2]
    begun = catalogue.begin_removal(entry, standing(entry.point, "going"))
    listing = catalogue.listing()
    assert listing.points == (three[0], three[1])
    assert [one.point for one in listing.going] == [entry.point]
    again = catalogue.begin_removal(catalogue.get(entry.point.id), standing(entry.point, "going", "2"))
    assert again == begun
    catalogue.finish_removal(removal(entry.point))
    catalogue.finish_removal(removal(entry.point))
    assert catalogue.listing().going == ()
    with pytest.raises(InvalidInput, match="no restore point"):
        catalogue.get(entry.point.id)


def test_what_was_removed_is_read_no_more(store: CountingStore, catalogue: Catalogue, three: list[Entry]) -> None:
    """Years of removed points cost a listing their names only, once an index has them."""
    catalogue.begin_removal(three[2], standing(three[2].point, "going"))
    catalogue.finish_removal(removal(three[2].point))
    catalogue.reindex(catalogue.listing())
    store.reads.clear()
    assert catalogue.listing().removed == (three[2].point.id,)
    assert not [key for key in store.reads if three[2].point.id in key]


@pytest.mark.parametrize("body", ["rubbish", "another point's", "another environment's"])
def test_nobody_makes_a_point_vanish_by_calling_it_removed(
    store: CountingStore, catalogue: Catalogue, three: list[Entry], body: str
) -> None:
    """The word of a removal must be signed, and for this point: else the point is listed, and the fault told."""
    told = removal(three[1].point)
    if body == "another environment's":
        told = told.model_copy(update={"point": three[0].point.id, "environment_id": "uuid-of-another"})
    forged = b"{}" if body == "rubbish" else catalogue.sealed(told)[0]
    store.put(f"lab/points/{three[0].point.id}.removed", forged)
    listing = catalogue.listing()
    assert (listing.points, listing.removed) == (tuple(three), ())
    assert [f"{three[0].point.id}.removed" in fault for fault in listing.faults] == [True]
    with pytest.raises(VerificationFailed, match="removed"):
        catalogue.get(three[0].point.id)


def test_no_removal_ends_that_never_began(catalogue: Catalogue, three: list[Entry]) -> None:
    """Its bytes are still needed."""
    with pytest.raises(NothingChanged, match="never began"):
        catalogue.finish_removal(removal(three[0].point))


def test_what_was_pinned_after_expiry_looked_stays(catalogue: Catalogue, three: list[Entry]) -> None:
    """Expiry decides upon what it read; whoever pinned meanwhile wins."""
    seen = catalogue.get(three[2].point.id)
    catalogue.stand(standing(seen.point, "pinned"))
    for entry in (seen, catalogue.get(seen.point.id)):
        with pytest.raises(NothingChanged, match="pinned"):
            catalogue.begin_removal(entry, standing(seen.point, "going"))
    assert catalogue.get(seen.point.id).is_pinned


def test_what_is_going_is_pinned_no_more(catalogue: Catalogue, three: list[Entry]) -> None:
    """Nobody should rest on a point whose bytes are being dropped."""
    catalogue.begin_removal(three[2], standing(three[2].point, "going"))
    with pytest.raises(NothingChanged, match="has begun"):
        catalogue.stand(standing(three[2].point, "pinned"))


@pytest.mark.parametrize("first", ["pinned", "going"])
def test_pin_and_removal_at_the_same_moment_have_one_winner(
    store: CountingStore, catalogue: Catalogue, three: list[Entry], first: State
) -> None:
    """Both have looked; between look and write of the one comes the other."""
    point = three[2].point
    second: State = "going" if first == "pinned" else "pinned"
    rival = Catalogue(store, "lab", "uuid-of-lab", catalogue.signer, catalogue.verifier)

    def intrude(_key: str) -> bool:
        store.fails = lambda _key: False
        _act(rival, three[2], standing(point, first, "rival"))
        return False

    store.fails = intrude
    with pytest.raises(Conflict):
        _act(catalogue, three[2], standing(point, second))
    assert catalogue.get(point.id).standing == standing(point, first, "rival")


def _act(catalogue: Catalogue, entry: Entry, wanted: Standing) -> None:
    if wanted.is_going:
        catalogue.begin_removal(entry, wanted)
    else:
        catalogue.stand(wanted)


def test_everything_stored_is_signed(store: CountingStore, catalogue: Catalogue, three: list[Entry]) -> None:
    """Manifest, standing, removal and index: who writes to the bucket can't make any of them."""
    catalogue.begin_removal(three[2], standing(three[2].point, "going"))
    catalogue.finish_removal(removal(three[2].point))
    catalogue.reindex(catalogue.listing())
    stored = [json.loads(store.get(key).body) for key in store.keys("")]
    assert {one["document"]["format"] for one in stored} == {
        "restore-point/1", "point-standing/1", "point-removal/1", "point-index/1",
    }  # fmt: skip
    assert all(set(one) == {"document", "signature"} for one in stored)


def test_objects_of_others_are_passed_over(store: CountingStore, catalogue: Catalogue, three: list[Entry]) -> None:
    """What is not named like a point is none."""
    for name in ("note.txt", "20260105-010203000-b7fc.json.bak", ".json", "x/20260105-010203000-b7fc.json"):
        store.put(f"lab/points/{name}", b"x")
    assert catalogue.listing().points == tuple(three)
