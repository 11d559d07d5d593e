"""Reads stored objects to their last byte, and tells what came: never what is right, which the control node knows.

Memory stays at a few MiB whatever their size. What was read within the time allowed is told; the rest is asked again.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import struct
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from . import s3
from .call import ActError, Call, Json
from .objects import opened
from .programs import Program, running

PIECE = struct.Struct("<QQ20s")  # offset, length, SHA-1 of these bytes
TRIES = 3
PIPE_BROKEN = (-13, 0, 64)  # what feeds a program that has ended early ends so itself
DAMAGED = (26, 29, 55, 95)  # pgBackRest: checksum, format, file missing, crypto (src/build/error/error.yaml)


class Trouble(Exception):
    """The storage, or a program, does not serve: nothing is known of the object."""


def ask(call: Call) -> Json:
    """`arguments`: storage, keys (files), user, objects, witnesses, limit (seconds), workers, fetch (a command).

    Each object: key, size; pieces (packed, base64) where its parts have digests; file and packed (a decompressor or
    "") where its plain content has one. `read`: for each in turn bytes, sha256, fault, and of the plain content bytes
    and sha1. `witnesses`: other objects; when none of them can be read, the storage is at fault and not the object:
    then `trouble` says so, and the object is not told.
    """
    arguments = call.arguments
    storage, until = opened(arguments), time.monotonic() + arguments["limit"]
    waiting: deque[Json] = deque(arguments["objects"])
    told: list[Json] = []
    troubles: list[str] = []

    def work() -> None:
        reader = s3.Reader(storage)
        try:
            while not troubles and (not told or time.monotonic() < until) and (one := _next(waiting)) is not None:
                told.append(_one(reader, one, arguments))
        except (Trouble, ActError) as error:
            troubles.append(str(error))
        finally:
            reader.close()

    with ThreadPoolExecutor(max(1, arguments["workers"])) as pool:
        for each in [pool.submit(work) for _ in range(max(1, arguments["workers"]))]:
            each.result()
    return {"read": told, "trouble": troubles[0] if troubles else ""}


def _next(waiting: deque[Json]) -> Json | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None  # another worker took the last


def _one(reader: s3.Reader, wanted: Json, arguments: Json) -> Json:
    answer = _read(reader, wanted, arguments["witnesses"])
    if wanted.get("file") and not answer["fault"] and answer["bytes"] == wanted["size"]:
        answer.update(_plain(wanted, arguments))
    return answer


def _read(reader: s3.Reader, wanted: Json, witnesses: list[str]) -> Json:
    for attempt in range(1, TRIES + 1):
        try:
            return {"key": wanted["key"], **_streamed(reader.chunks(wanted["key"], wanted["size"]), wanted)}
        except (s3.Refused, OSError, http.client.HTTPException) as error:
            reader.close()
            if attempt < TRIES and not s3.is_final(error):
                time.sleep(0.3 * 2**attempt)
                continue
            if not any(reader.answers(key) for key in witnesses if key != wanted["key"]):
                raise Trouble(f"the backup storage does not serve: {s3.reason(error)}") from None
            gone = isinstance(error, s3.Refused) and error.status == 404
            fault = "gone" if gone else f"unreadable: {s3.reason(error)}"
            return {"key": wanted["key"], "bytes": 0, "sha256": _EMPTY, "fault": fault}
    raise Trouble("no try was made")


def _streamed(chunks: Iterator[bytes], wanted: Json) -> Json:
    whole, received = hashlib.sha256(), 0
    pieces = Pieces(base64.b64decode(wanted.get("pieces") or ""))
    for chunk in chunks:
        whole.update(chunk)
        pieces.feed(received, chunk)
        received += len(chunk)
    return {"bytes": received, "sha256": whole.hexdigest(), "fault": pieces.fault()}


_EMPTY = hashlib.sha256(b"").hexdigest()


class Part(NamedTuple):
    """Bytes `begin` … `end` of an object."""

    begin: int
    end: int
    sha1: bytes


class Pieces:
    """Digests of parts of an object, taken while it streams by; parts may touch, overlap or leave room between."""

    def __init__(self, packed: bytes) -> None:
        parts = [Part(offset, offset + length, sha1) for offset, length, sha1 in PIECE.iter_unpack(packed)]
        self._waiting = deque(sorted(parts))
        self._begun: list[tuple[Part, hashlib._Hash]] = []
        self._bad: list[Part] = []

    def feed(self, position: int, chunk: bytes) -> None:
        view, end = memoryview(chunk), position + len(chunk)
        while self._waiting and self._waiting[0].begin < end:
            self._begun.append((self._waiting.popleft(), hashlib.sha1(usedforsecurity=False)))
        going = []
        for part, digest in self._begun:
            digest.update(view[max(0, part.begin - position) : part.end - position])
            if part.end > end:
                going.append((part, digest))
            elif digest.digest() != part.sha1:
                self._bad.append(part)
        self._begun = going

    def fault(self) -> str:
        """Empty when every part was there and is what it must be; else which is not, by its place."""
        lacking = [
            *self._bad,
            *(part for part, _ in self._begun),
            *(one for one in self._waiting if one.end > one.begin),
        ]
        first = min(lacking, default=None)
        return f"piece: {first.begin} {first.end - first.begin} {len(lacking)}" if first else ""


def _plain(wanted: Json, arguments: Json) -> Json:
    """Size and SHA-1 of the content as it was before it was compressed and encrypted."""
    fetch = {**arguments["fetch"], "argv": [*arguments["fetch"]["argv"], wanted["file"]]}
    user = arguments["user"]
    with running(fetch, user) as fetched:
        answer = _unpacked(wanted, fetched, fetch["timeout"], user) if wanted["packed"] else _digest(fetched.chunks())
        if fetched.code in DAMAGED:
            return {"fault": f"unpacked: {fetched.said[-200:]}"}
        if fetched.code != 0 and not (answer.get("fault") and fetched.code in PIPE_BROKEN):
            raise Trouble(f"{fetch['argv'][0]} ended with {fetched.code}: {fetched.said[-500:]}")
        return answer


def _unpacked(wanted: Json, fetched: Program, timeout: float, user: str) -> Json:
    unpack = {"argv": [wanted["packed"], "-dc"], "timeout": timeout}
    with running(unpack, user, fetched.stdout) as unpacked:
        fetched.stdout.close()  # else the one would wait for ever when the other ends early
        answer = _digest(unpacked.chunks())
        return answer if unpacked.code == 0 else {"fault": f"unpacked: {unpacked.said[-200:]}"}


def _digest(chunks: Iterator[bytes]) -> Json:
    digest, received = hashlib.sha1(usedforsecurity=False), 0
    for chunk in chunks:
        digest.update(chunk)
        received += len(chunk)
    return {"plain_bytes": received, "plain_sha1": digest.hexdigest()}
