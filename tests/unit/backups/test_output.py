"""Whatever an engine says, reading it takes bounded memory and ends in a value or in a clear error."""

from __future__ import annotations

import tracemalloc

import pytest
from pydantic import TypeAdapter

from clmdeploy.backups.output import Told, Unintelligible, document, lines, shown


class Size(Told):
    """A value to read."""

    size: int


SIZE = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (b"", "document"),
        (b"\xff\xfe", "document"),
        (b"[" * 100_000, "document"),
        (b'{"size": "5"}', "size"),
        (b'{"size": 5.5}', "size"),
        (b'{"size": NaN}', "size"),
        (b'{"size": true}', "size"),
        (b"[]", "document"),
        (b'{"sizes": 5}', "size"),
        (b'{"size": 5}{"size": 6}', "document"),
    ],
)
def test_rubbish_and_wrong_types_are_refused_by_key(said: bytes, named: str) -> None:
    """Nothing is turned into a number that is none."""
    with pytest.raises(Unintelligible, match=f"engine: unexpected output: {named}"):
        document(SIZE, said, "engine")


def test_keys_of_later_versions_are_left_aside() -> None:
    """A newer engine says more."""
    assert document(SIZE, b'{"size": 18446744073709551615, "new": [1]}', "engine").size == 2**64 - 1


def test_a_document_above_its_limit_is_not_read() -> None:
    """The limit is on bytes, before anything is made of them."""
    with pytest.raises(Unintelligible, match="more than 8 bytes"):
        document(SIZE, b'{"size":  5}', "engine", limit=8)


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ([b"a\nb", b"c\n", b"", b"d"], [b"a", b"bc", b"d"]),
        ([b"\n\n"], [b"", b""]),
        ([], []),
    ],
)
def test_lines_come_whole_whatever_the_chunks(chunks: list[bytes], found: list[bytes]) -> None:
    """Pipes cut anywhere."""
    assert list(lines(chunks, "engine")) == found


def test_a_line_without_end_is_refused_in_bounded_memory() -> None:
    """A gigabyte in one line takes a few megabytes to refuse."""
    tracemalloc.start()
    with pytest.raises(Unintelligible):
        list(lines((b"x" * 65536 for _ in range(16384)), "engine"))
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_what_strangers_wrote_is_shown_harmlessly() -> None:
    """Escape sequences, direction marks and lines stay out of messages."""
    assert shown(b"a\x1b[31m\nb\xff") == "a\ufffd[31m b\ufffd"
    assert shown("x\u202ey\udcff") == "x\ufffdy?"
    assert len(shown("x" * 10_000)) == 200
