"""Digests of parts of an object, taken while it streams by."""

from __future__ import annotations

import hashlib
import random
from types import SimpleNamespace

import pytest

from clmdeploy.hostside.acts import reading
from clmdeploy.hostside.acts.call import Call
from clmdeploy.hostside.acts.reading import PIECE, Pieces

BODY = random.Random(7).randbytes(10_000)  # noqa: S311  # content, no secret


def packed(*parts: tuple[int, int], wrong: int | None = None) -> bytes:
    """Parts by offset and length; the digest of part number `wrong` is another's."""
    return b"".join(
        PIECE.pack(begin, length, hashlib.sha1(BODY[begin : begin + length] + b"!" * (number == wrong)).digest())  # noqa: S324
        for number, (begin, length) in enumerate(parts)
    )


def fault(told: bytes, body: bytes = BODY, step: int = 1000) -> str:
    """What is said after `body` came in chunks of `step` bytes."""
    pieces = Pieces(told)
    for begin in range(0, len(body), step):
        pieces.feed(begin, body[begin : begin + step])
    return pieces.fault()


PARTS = ((0, 10), (10, 990), (1000, 1), (1500, 4000), (2000, 20), (9000, 1000), (5500, 0))


@pytest.mark.parametrize("step", [1, 7, 999, 1000, 1001, 10_000, 20_000])
def test_every_part_is_checked_however_the_bytes_come(step: int) -> None:
    """Parts that touch, overlap, are empty or cross the edges of chunks; room between them belongs to nobody."""
    assert fault(packed(*PARTS), step=step) == ""
    for wrong, (begin, length) in enumerate(PARTS[:-1]):
        assert fault(packed(*PARTS, wrong=wrong), step=step) == f"piece: {begin} {length} 1"


def test_one_flipped_byte_is_found_in_the_part_that_has_it() -> None:
    """And in no other; bytes that no part has are not looked at."""
    for place, found in ((0, "piece: 0 10 1"), (999, "piece: 10 990 1"), (2010, "piece: 1500 4000 2"), (7000, "")):
        body = bytearray(BODY)
        body[place] ^= 1
        assert fault(packed(*PARTS), bytes(body)) == found


def test_parts_behind_the_end_are_lacking() -> None:
    """A truncated object names the first part that is not whole."""
    assert fault(packed(*PARTS), BODY[:9999]) == "piece: 9000 1000 1"
    assert fault(packed(*PARTS), BODY[:1200]) == "piece: 1500 4000 3"
    assert fault(packed(*PARTS), b"") == "piece: 0 10 6"


def test_a_fault_of_its_own_is_no_end_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it taken for the end of the queue, that object would be asked for again for ever."""

    def broken(*_: object) -> None:
        raise IndexError("a list was shorter than thought")

    monkeypatch.setattr(reading, "_one", broken)
    monkeypatch.setattr(reading, "opened", lambda _: None)
    monkeypatch.setattr(reading.s3, "Reader", lambda _: SimpleNamespace(close=lambda: None))
    arguments = {"objects": [{"key": "a", "size": 1}], "limit": 5, "workers": 1}
    with pytest.raises(IndexError, match="shorter"):
        reading.ask(Call(act="reading", verb="ask", arguments=arguments, before={}, secrets={}))
