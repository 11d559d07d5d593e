"""A bucket in memory: what planners and the core are tested with. The contract suite holds it to a real S3 server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from clmdeploy.changes.ports import MEBIBYTE, Missing, Oversized, Stored
from clmdeploy.model.errors import Conflict, InvalidInput
from clmdeploy.model.secret import Secret


class MemoryStore:
    """An ObjectStore. With `conditional_writes=False` it is a poor vendor: conditions are accepted and not kept."""

    def __init__(self, conditional_writes: bool = True) -> None:
        self.conditional_writes = conditional_writes
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def get(self, key: str, limit: int = 16 * MEBIBYTE) -> Stored:
        body = self._body(key)
        if len(body) > limit:
            raise Oversized(f"{key} in memory is larger than {limit} bytes")
        return Stored(body, _etag(body))

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        with self._lock:
            if self.conditional_writes:
                self._check(key, only_if_absent, only_if_etag)
            self._objects[key] = bytes(body)
        return _etag(body)

    def upload(self, key: str, path: Path) -> None:
        try:
            self.put(key, path.read_bytes())
        except OSError as error:
            raise InvalidInput(f"{path}: can't be read: {error.strerror}") from error

    def download(self, key: str, path: Path) -> None:
        body = self._body(key)
        try:
            path.write_bytes(body)
        except OSError as error:
            raise InvalidInput(f"{path}: can't be written: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        with self._lock:
            return iter(sorted(key for key in self._objects if key.startswith(prefix)))

    def presign(self, key: str, seconds: int) -> Secret:
        return Secret(f"memory:///{key}?expires={seconds}")

    def _body(self, key: str) -> bytes:
        with self._lock:
            if key not in self._objects:
                raise Missing(f"there is no object {key} in memory")
            return self._objects[key]

    def _check(self, key: str, only_if_absent: bool, only_if_etag: str | None) -> None:
        present = self._objects.get(key)
        if only_if_absent and present is not None:
            raise Conflict(f"{key} in memory exists already")
        if only_if_etag is not None and (present is None or _etag(present) != only_if_etag):
            raise Conflict(f"{key} in memory is not what was read before")


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'  # what S3 servers answer for simple writes
