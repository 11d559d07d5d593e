"""Checking a bundle against its release before anything trusts it. Hosts do the same again (`hostside/`)."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import IO

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable
from clmdeploy.releases.manifest import FileEntry, Release

_CHUNK = 1024**2
_HEADERS = 4096  # bytes a member may need beside its content: header, padding, and a PAX header without its names
_HINT = "fetch or build the bundle anew; don't install this one"
# What a hostile archive makes the standard library raise. RecursionError: a chain of PAX headers.
_UNREADABLE = (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, OverflowError, RecursionError)


def check(bundle: Path, release: Release) -> None:
    """Read `bundle` through once for its digest and once for its members; nothing is unpacked.

    Raises InvalidInput unless size and SHA-256 are the release's, and the members are exactly its files: no other,
    no duplicate, no device, each with its mode, size, digest or link target. Never decompresses more than the
    release declares.
    """
    check_digest(bundle, release)
    with _reading(bundle) as file:
        stream = _Bounded(GzipFile(fileobj=file), _most_bytes(release))
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
            _check_members(archive, release, bundle)
        while stream.read(_CHUNK):
            pass  # what follows the members counts as well, and so does gzip's checksum at the very end


def check_digest(bundle: Path, release: Release) -> None:
    """Raises InvalidInput unless size and SHA-256 of the file `bundle` are those of the release."""
    digest, size = hashlib.sha256(), 0
    with _reading(bundle) as file:
        while size <= release.bundle.size and (chunk := file.read(_CHUNK)):
            digest.update(chunk)
            size += len(chunk)
    if size != release.bundle.size:
        raise InvalidInput(f"{bundle}: is not the {release.bundle.size} bytes long that its release declares", _HINT)
    if digest.hexdigest() != release.bundle.sha256:
        found = f"SHA-256 is {digest.hexdigest()}, its release declares {release.bundle.sha256}"
        raise InvalidInput(f"{bundle}: {found}", _HINT)


def _check_members(archive: tarfile.TarFile, release: Release, bundle: Path) -> None:
    due = {entry.path: entry for entry in release.files}
    for member in archive:
        archive.members = []  # type: ignore[attr-defined]  # else it keeps every header until the end
        entry = due.pop(member.name, None)
        cause = (
            "is twice in the bundle, or not in its release" if entry is None else _difference(archive, member, entry)
        )
        if cause:
            raise InvalidInput(f"{bundle}: member {printable(member.name, 200)}: {cause}", _HINT)
    if due:
        raise InvalidInput(f"{bundle}: lacks {len(due)} of its files, the first is {printable(min(due), 200)}", _HINT)


def _difference(archive: tarfile.TarFile, member: tarfile.TarInfo, entry: FileEntry) -> str | None:
    if member.type != (tarfile.REGTYPE if entry.kind == "file" else tarfile.SYMTYPE):
        return f"is not a {entry.kind}"
    if member.mode != entry.mode or member.size != entry.size:
        return "has another mode or size than its release declares"
    if entry.kind == "link":
        return None if member.linkname == entry.target else "is a link to elsewhere"
    content = archive.extractfile(member)
    return "has another SHA-256 than its release declares" if _sha256(content) != entry.sha256 else None


def _sha256(content: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while content and (chunk := content.read(_CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def _most_bytes(release: Release) -> int:
    names = sum(2 * len(entry.path.encode()) + 2 * len((entry.target or "").encode()) for entry in release.files)
    return release.bundle.unpacked + names + _HEADERS * (len(release.files) + 8)


@contextmanager
def _reading(bundle: Path) -> Iterator[IO[bytes]]:
    try:
        with bundle.open("rb") as file:
            yield file
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{bundle}: can't be read: {printable(str(error) or type(error).__name__)}", _HINT
        ) from error


class _Bounded(io.RawIOBase):
    """A stream that ends in an error rather than grow beyond `limit` bytes: small archives may unpack to terabytes."""

    def __init__(self, stream: GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(_CHUNK, size if size >= 0 else _CHUNK))
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError("unpacks to more than its release declares")
        return data
