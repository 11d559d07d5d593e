"""What hosts tell compressed: unpacked without believing how much it will be."""

from __future__ import annotations

import base64
import zlib


def unpacked(packed: str, most: int) -> bytes:
    """The bytes of base64 of zlib. Raises ValueError for what is none, is not whole, or holds more than `most` bytes.

    A few MiB can hold gigabytes: whoever has taken a host over must not be able to end the control node's memory.
    """
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(base64.b64decode(packed, validate=True), most)
    except zlib.error as error:
        raise ValueError(f"it can't be unpacked: {error}") from error
    if unpacking.unconsumed_tail:
        raise ValueError(f"it holds more than {most} bytes")
    if not unpacking.eof:
        raise ValueError("it did not come whole")
    return content
