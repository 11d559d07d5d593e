"""HTTP/1.1 messages as bytes: read whole, handed on exactly as they came, since a signature covers what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

MOST_HEAD = 64 * 1024
MOST_BODY = 64 * 1024 * 1024  # bytes; the sample's bundles have a hundredth of it
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d ")


class WireError(Exception):
    """The other side closed in the middle of a message, or what it sent is none."""


@dataclass(frozen=True)
class S3Request:
    """One request, path style. `head` ends with the blank line."""

    head: bytes
    body: bytes
    client: str
    """IPv4 address that it came from"""

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("ascii")

    @property
    def bucket(self) -> str:
        return self._path.split("/", 1)[0]

    @property
    def key(self) -> str:
        """Empty where the request is about the bucket itself."""
        return self._path.partition("/")[2]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self._target).query, True).items()}

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return dict(_fields(self.head))

    @property
    def _path(self) -> str:
        return unquote(urlsplit(self._target).path).lstrip("/")

    @property
    def _target(self) -> str:
        return self.head.split(b" ", 2)[1].decode("ascii")


@dataclass(frozen=True)
class S3Answer:
    """One answer, interim ones left out."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])


def read_head(stream: BinaryIO) -> bytes:
    """Up to the blank line, which is included; empty when the other side closed before a first byte."""
    lines: list[bytes] = []
    while sum(map(len, lines)) < MOST_HEAD:
        lines.append(stream.readline(MOST_HEAD))
        if not lines[-1].endswith(b"\n"):
            if lines == [b""]:
                return b""
            raise WireError("closed within a head")
        if lines[-1] in (b"\r\n", b"\n"):
            return b"".join(lines)
    raise WireError("a head of more than 64 KiB")


def read_answer(stream: BinaryIO, method: str) -> S3Answer:
    """The final answer to a request by `method`."""
    head = read_head(stream)
    while _INTERIM.match(head):
        head = read_head(stream)
    if not head:
        raise WireError("closed without an answer")
    answer = S3Answer(head, b"")
    if method == "HEAD" or answer.status in (204, 304):
        return answer
    return S3Answer(head, read_body(stream, head, to_the_end=True))


def read_body(stream: BinaryIO, head: bytes, *, to_the_end: bool = False) -> bytes:
    """The body that a head announces, chunks with their sizes. `to_the_end`: one without a length ends with the stream.

    Raises WireError when it is cut off or larger than MOST_BODY.
    """
    fields = dict(_fields(head))
    if "chunked" in fields.get("transfer-encoding", ""):
        return b"".join(_chunks(stream))
    if "content-length" not in fields:
        return stream.read(MOST_BODY) if to_the_end else b""
    length = int(fields["content-length"])
    body = stream.read(length) if length <= MOST_BODY else b""
    if len(body) != length:
        raise WireError(f"{len(body)} of {length} bytes came")
    return body


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    size = -1
    while size != 0:
        line = stream.readline(1024)
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise WireError("no chunk") from error
        if size > MOST_BODY:
            raise WireError("a chunk too large")
        yield line
        if size:
            yield stream.read(size + 2)
    while (line := stream.readline(MOST_HEAD)) not in (b"\r\n", b"\n", b""):
        yield line
    yield line


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()
