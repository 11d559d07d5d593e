"""A bucket in a directory of this machine: copies of the journal, and the journal of work done without the storage.

Each object is a file, written beside, flushed and moved into its place; the contract suite holds this to S3 servers.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from clmdeploy.changes.ports import MEBIBYTE, Missing, Oversized, Stored
from clmdeploy.model.errors import Conflict, InvalidInput
from clmdeploy.model.secret import Secret

_BESIDE = ".beside-"  # begins the names of files that are no objects yet


@dataclass(frozen=True)
class DirectoryStore:
    """An ObjectStore below `root`, which is made when it is first written to, closed to other accounts.

    Its methods raise InvalidInput when the disk refuses.
    """

    root: Path
    conditional_writes: bool = True

    def get(self, key: str, limit: int = 16 * MEBIBYTE) -> Stored:
        with self._told(key), self._path(key).open("rb") as file:
            body = file.read(limit + 1)
        if len(body) > limit:
            raise Oversized(f"{self._path(key)} is larger than {limit} bytes", "it was not written by this tool")
        return Stored(body, _etag(body))

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        with self._told(key), self._locked():
            if only_if_absent and self._path(key).exists():
                raise Conflict(f"{self._path(key)} exists already")
            if only_if_etag is not None and self._standing(key) != only_if_etag:
                raise Conflict(f"{self._path(key)} is not what was read before")
            with self._beside(key) as beside:
                beside.write_bytes(body)
        return _etag(body)

    def upload(self, key: str, path: Path) -> None:
        if not path.is_file():
            raise InvalidInput(f"{path}: there is no such file", "check its path")
        with self._told(key), self._locked(), self._beside(key) as beside:
            shutil.copyfile(path, beside)

    def download(self, key: str, path: Path) -> None:
        with self._told(key):
            shutil.copyfile(self._path(key), path)

    def keys(self, prefix: str) -> Iterator[str]:
        parts = PurePosixPath(prefix.rpartition("/")[0]).parts
        if any(part.startswith((".", "/")) for part in parts):
            return iter(())  # no key begins like that
        with self._told(prefix):  # not from the root: a copy of the journal grows for years
            files = [
                one for one in self.root.joinpath(*parts).rglob("*") if one.is_file() and not one.name.startswith(".")
            ]
        found = (one.relative_to(self.root).as_posix() for one in files)
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def presign(self, key: str, seconds: int) -> Secret:
        return Secret(f"{self._path(key).as_uri()}?expires={seconds}")

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or any(part.startswith(".") for part in parts):
            raise InvalidInput(f"{key!r} is no key of an object")
        return self.root.joinpath(*parts)

    def _standing(self, key: str) -> str | None:
        path = self._path(key)
        return _etag(path.read_bytes()) if path.exists() else None

    @contextmanager
    def _beside(self, key: str) -> Iterator[Path]:
        """A file to fill; then it is durably what stands under the key."""
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_BESIDE, dir=path.parent)
        try:
            yield Path(name)
            os.fsync(descriptor)
            os.replace(name, path)
            _flush(path.parent)
        finally:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, of all processes here: a condition holds until what it guards is written."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise Missing(f"there is no object {key} in {self.root}") from error
        except OSError as error:
            raise InvalidInput(
                f"{self.root}: {key} can't be read or written: {error.strerror}", "check room and rights there"
            ) from error


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
