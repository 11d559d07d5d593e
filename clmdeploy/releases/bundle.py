"""Building a release: a directory in, one archive and its release.json out. The same tree always gives the same bytes.

Times, owners, umask and the order of directories don't show in the archive. (Another build of zlib may compress
otherwise; the files' own digests in release.json are the same everywhere.)
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clmdeploy.model.errors import InvalidInput
from clmdeploy.releases.built import Built, document_path
from clmdeploy.releases.contents import contents_faults
from clmdeploy.releases.ignore import IgnoreRules, load_rules
from clmdeploy.releases.manifest import BundleEntry, FileEntry, Release
from clmdeploy.releases.record import to_bytes
from clmdeploy.releases.source import FILE_NAME, load_manifest
from clmdeploy.releases.tree import Found, scan

_COMPRESSION = 6


def build(directory: Path, out: Path) -> Built:
    """Pack the release in `directory` into `out`/NAME-VERSION.tar.gz, beside it NAME-VERSION.release.json.

    Memory does not grow with the sizes of files. Raises InvalidInput when the manifest or the tree is faulty, when
    the bundle lacks what the manifest names, or when a file changes while it is read; `out` is then as it was.
    """
    manifest = load_manifest(directory)
    rules = load_rules(directory)
    _refuse_own_output(directory, out, rules)
    found = scan(directory, rules)
    if not any(entry.path == FILE_NAME for entry in found):
        raise InvalidInput(f"{directory}/.clmignore keeps {FILE_NAME} out", "remove that rule: the bundle needs it")
    if faults := contents_faults(manifest, found):
        raise InvalidInput.of_faults(str(directory / FILE_NAME), faults, "add these files, or correct the manifest")
    _make_directory(out)
    bundle = out / f"{manifest.name}-{manifest.version}.tar.gz"
    with _appearing(bundle) as file:
        writer = _HashingWriter(file)
        files = _packed(found, writer)
    packed = BundleEntry(sha256=writer.hash.hexdigest(), size=writer.size, unpacked=sum(entry.size for entry in files))
    release = Release(manifest=manifest, bundle=packed, files=files)
    with _appearing(document_path(bundle)) as file:
        file.write(document := to_bytes(release))
    return Built(release, bundle, document)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{path}: can't be made a directory: {error.strerror}") from error


def _refuse_own_output(directory: Path, out: Path, rules: IgnoreRules) -> None:
    """A bundle must not be packed into the next one, or building twice would not give the same bytes."""
    if not out.resolve().is_relative_to(directory.resolve()):
        return
    inside = out.resolve().relative_to(directory.resolve())
    if not any(rules.match(str(part), is_directory=True) for part in (inside, *inside.parents)):
        raise InvalidInput(
            f"{out} lies inside the release, and bundles there would be packed into the next one",
            "write the bundle elsewhere, or name that directory in .clmignore",
        )


def _packed(found: list[Found], writer: _HashingWriter) -> tuple[FileEntry, ...]:
    # No file name and no time in gzip's header (RFC 1952); PAX because it takes long names and UTF-8.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=writer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        return tuple(_added(archive, entry) for entry in found)


def _added(archive: tarfile.TarFile, entry: Found) -> FileEntry:
    member = tarfile.TarInfo(entry.path)  # owner 0 without names, time 0: the class's own defaults
    member.mode = entry.mode
    archive.members = []  # type: ignore[attr-defined]  # else it keeps every header until the end
    if entry.target is not None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
        archive.addfile(member)
        return FileEntry(path=entry.path, kind="link", mode=entry.mode, size=0, target=entry.target)
    member.size = entry.size
    with _opened(entry) as file:
        archive.addfile(member, reader := _HashingReader(entry.source, file))
    return FileEntry(path=entry.path, mode=entry.mode, size=entry.size, sha256=reader.hash.hexdigest())


@contextmanager
def _opened(entry: Found) -> Iterator[IO[bytes]]:
    """The file as it was scanned; refused when it is replaced or changed meanwhile."""
    try:
        # O_NOFOLLOW and O_NONBLOCK: a link or pipe put there since the scan must neither lead away nor hang us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(entry.source, flags)
    except OSError as error:
        raise InvalidInput(f"{entry.source}: can't be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        before = os.fstat(file.fileno())
        yield file
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or after.st_size != entry.size:
        raise _changed(entry.source)


def _changed(path: Path) -> InvalidInput:
    return InvalidInput(f"{path}: changed while it was packed", "build from a tree that nothing writes to")


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.replace(file.name, path)
            finally:
                Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        hint = "name a directory with room, which you may write to"
        raise InvalidInput(f"{path}: can't be written: {error.strerror or error}", hint) from error


class _HashingReader:
    """What tarfile reads from, so that each byte is read once."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = 0) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise InvalidInput(f"{self._path}: can't be read: {error.strerror}") from error
        if len(data) < size:  # tarfile asks for no more than the scan found
            raise _changed(self._path)
        self.hash.update(data)
        return data


class _HashingWriter:
    """What gzip writes to, so that the archive needn't be read again."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
