"""What hosts tell compressed is unpacked whole, or not at all."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import pytest

from clmdeploy.model.packed import unpacked


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize("content", [b"", b"x", b"words " * 1000])
def test_what_was_packed_comes_back(content: bytes) -> None:
    """Up to the last byte that is allowed."""
    assert unpacked(packed(content), max(1, len(content))) == content


def test_a_small_reply_that_holds_very_much_is_refused_before_it_is_in_memory() -> None:
    """A few KiB are told apart from what they would become."""
    bomb = packed(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        unpacked(bomb, 1024 * 1024)
    assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["§", "QUJD", packed(b"words")[:-12], ""])
def test_what_is_not_whole_is_refused(text: str) -> None:
    """Neither base64, nor zlib, nor its end: never a part taken for the whole."""
    with pytest.raises(ValueError, match=r"."):
        unpacked(text, 1000)
