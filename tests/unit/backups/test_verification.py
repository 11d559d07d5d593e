"""The ledger: what is read again and what is not, and what a read is held against."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.backups.verification import (
    Expected,
    Ledger,
    Object,
    Read,
    Reading,
    Why,
    due,
    from_bytes,
    missing,
    reading,
    to_bytes,
)
from clmdeploy.model.bilingual import russian
from clmdeploy.model.errors import VerificationFailed
from clmdeploy.model.value import sha256_hex

from .conftest import BEGIN

MONTH = timedelta(days=30)
GOOD, BAD = sha256_hex(b"good"), sha256_hex(b"bad")
PACK = Object(key="data/aa/aa01", size=4, etag='"1"', version="v1")
EMPTY = Ledger(environment_id="uuid-of-lab", part="restic/app1/data/aa")


def read(one: Object = PACK, sha256: str = GOOD, at: datetime = BEGIN, **others: object) -> Read:
    return Read.model_validate({"object": one, "at": at, "bytes": one.size, "sha256": sha256} | others)


def noted(*reads: Read) -> Ledger:
    return EMPTY.noted(reading(one, None) for one in reads)


@pytest.mark.parametrize(
    ("seen", "now", "why"),
    [
        (PACK, BEGIN + timedelta(days=29), None),
        (PACK, BEGIN + MONTH, Why.OLD),
        (PACK, BEGIN - timedelta(days=1), Why.OLD),
        (PACK.model_copy(update={"key": "data/aa/aa02"}), BEGIN, Why.NEW),
        (PACK.model_copy(update={"etag": '"2"'}), BEGIN, Why.CHANGED),
        (PACK.model_copy(update={"size": 5}), BEGIN, Why.CHANGED),
        (PACK.model_copy(update={"version": "v2"}), BEGIN, Why.CHANGED),
    ],
)
def test_only_what_is_new_changed_or_due_is_read(seen: Object, now: datetime, why: Why | None) -> None:
    """A reading of a clock that ran ahead has no age."""
    assert [one.why for one in due(noted(read()), [seen], now, MONTH)] == ([] if why is None else [why])


def test_a_failure_is_read_again() -> None:
    """It may have been the line; or somebody has mended it."""
    ledger = noted(read(fault="the answer broke off"))
    assert [one.why for one in due(ledger, [PACK], BEGIN, MONTH)] == [Why.FAILED]
    gone = EMPTY.noted(missing(noted(read()), [], [], BEGIN))
    assert [one.why for one in due(gone, [PACK], BEGIN, MONTH)] == [Why.CHANGED]


def test_the_most_telling_is_read_first_then_the_oldest() -> None:
    """When the time is over before all is read, what was most in doubt has been."""
    objects = [
        PACK.model_copy(update={"key": f"data/aa/{name}"}) for name in ("old", "older", "changed", "failed", "new")
    ]
    old, older, changed, failed, _ = objects
    ledger = noted(
        read(old, at=BEGIN + timedelta(days=1)), read(older), read(changed.model_copy(update={"etag": "0"})),
        read(failed, fault="x"),
    )  # fmt: skip
    order = [one.object.key.rpartition("/")[2] for one in due(ledger, objects, BEGIN + 2 * MONTH, MONTH)]
    assert order == ["changed", "failed", "new", "older", "old"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 90)), max_size=20))
def test_a_second_verify_reads_nothing(reads: list[tuple[str, int]]) -> None:
    """Whatever was read before, in whatever order it was noted: once all is read, nothing is due."""
    objects = [PACK.model_copy(update={"key": key}) for key in "abcdef"]
    ledger = EMPTY
    for key, age in reads:
        one = PACK.model_copy(update={"key": key})
        ledger = ledger.noted([reading(read(one, at=BEGIN + timedelta(days=age)), None)])
    now = BEGIN + timedelta(days=90)
    found = due(ledger, objects, now, MONTH)
    again = ledger.noted(reading(read(one.object, at=now), ledger.by_key.get(one.object.key)) for one in found)
    assert due(again, objects, now, MONTH) == ()
    assert again.oldest is not None
    assert again.oldest > now - MONTH
    assert from_bytes(to_bytes(again), "x") == again


@pytest.mark.parametrize(
    ("found", "expected", "cause"),
    [
        (read(), Expected(), ""),
        (read(), Expected(size=4, sha256=GOOD), ""),
        (read(sha256=BAD), Expected(sha256=GOOD), "SHA-256"),
        (read(), Expected(size=5), "has 4 bytes, not 5"),
        (read(bytes=3), Expected(), "3 of 4 bytes could be read"),
        (read(fault="page checksum"), Expected(sha256=GOOD), "page checksum"),
    ],
)
def test_a_read_is_held_against_what_must_be_there(found: Read, expected: Expected, cause: str) -> None:
    """A flipped byte, a truncated object, what the engine says itself."""
    kept = reading(found, None, expected)
    assert cause in kept.cause
    assert kept.is_sound is not bool(cause)


def test_a_read_is_held_against_the_one_before() -> None:
    """What no manifest speaks of is known by its first content, also after a failure between."""
    first = reading(read(), None)
    other = reading(read(sha256=BAD), first)
    assert "is another than at" in other.cause
    assert reading(read(), other).is_sound
    assert reading(read(sha256=BAD), other).result == "damaged"


def test_what_its_engine_rewrites_may_be_another_each_time() -> None:
    """pgBackRest writes backup.info anew with every backup."""
    info = PACK.model_copy(update={"changes": True})
    assert reading(read(info, BAD), reading(read(info), None)).is_sound


def test_content_that_was_never_good_is_no_measure() -> None:
    """The first read failed; once mended, it is not held against the damage."""
    first = reading(read(sha256=BAD, fault="checksum"), None)
    assert first.sha256 == ""
    assert reading(read(), first).is_sound


def test_what_vanished_is_missing_until_it_is_dropped_on_purpose() -> None:
    """What was expected and never seen is missing too."""
    ledger = noted(read())
    found = missing(ledger, ["data/aa/other"], ["data/aa/new"], BEGIN + MONTH)
    assert [(one.key, one.result) for one in found] == [("data/aa/aa01", "missing"), ("data/aa/new", "missing")]
    assert "it was at 2026-01-05" in found[0].cause
    ledger = ledger.noted(found)
    assert [one.key for one in ledger.unsound] == ["data/aa/aa01", "data/aa/new"]
    assert missing(ledger.without(["data/aa/aa01", "data/aa/new"]), [], [], BEGIN) == ()


def test_a_late_answer_undoes_no_newer_one() -> None:
    """Two verifies at once: the newest reading of an object counts."""
    newer = reading(read(at=BEGIN + timedelta(hours=1), fault="x"), None)
    assert EMPTY.noted([newer, reading(read(), None)]).readings == (newer,)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"format":"verification/2","environment_id":"x","part":"y"}'])
def test_a_ledger_that_is_none_is_refused_with_the_remedy(body: bytes) -> None:
    """Taken for an empty one it would hide what was found before."""
    with pytest.raises(VerificationFailed, match="lab/verified/x is no ledger") as caught:
        from_bytes(body, "lab/verified/x")
    assert "--all" in caught.value.hint


def test_a_ledger_has_each_object_once() -> None:
    """Else one reading would hide the other."""
    one = reading(read(), None)
    with pytest.raises(ValueError, match="twice"):
        Ledger(environment_id="x", part="y", readings=(one, one))


def test_causes_are_told_in_both_languages() -> None:
    """They are for people."""
    first = reading(read(), None)
    told: list[Reading] = [
        reading(read(sha256=BAD), first), reading(read(bytes=1), None), reading(read(), None, Expected(size=9)),
        reading(read(), None, Expected(sha256=BAD)), *missing(noted(read()), [], ["new"], BEGIN),
    ]  # fmt: skip
    assert [one.cause for one in told if russian(one.cause) == one.cause] == []
