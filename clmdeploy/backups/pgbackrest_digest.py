"""The SHA-1 that pgBackRest puts under its own files (src/info/info.c): over the same content as one JSON object."""

from __future__ import annotations

import hashlib


class InfoDigest:
    """Fed with each key and value in the order of the file, its own checksum left out."""

    def __init__(self) -> None:
        self._sha1 = hashlib.sha1(b"{", usedforsecurity=False)
        self._section: bytes | None = None

    def add(self, section: bytes, key: bytes, value: bytes) -> None:
        if section != self._section:
            self._sha1.update((b"" if self._section is None else b"},") + b'"' + section + b'":{')
            self._section = section
        else:
            self._sha1.update(b",")
        self._sha1.update(_quoted(key) + b":" + value)

    def end(self) -> str:
        """Of a copy, so that it may be asked twice."""
        closed = self._sha1.copy()
        closed.update(b"}}")
        return closed.hexdigest()


_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\b", b"\\b"), (b"\f", b"\\f"), (b"\r", b"\\r"), (b"\t", b"\\t"))


def _quoted(key: bytes) -> bytes:
    for plain, escaped in _ESCAPES:
        key = key.replace(plain, escaped)
    return b'"' + key + b'"'
