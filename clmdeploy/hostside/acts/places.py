"""Files and directories as root changes them: never through a link, never half-written, durable."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import IO, NamedTuple

from .call import ActError

ROOT = "/"  # tests have their own
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MOST = 4 * 1024 * 1024  # bytes of a file that is read


class State(NamedTuple):
    """What stands under a path. `content`: SHA-256 of a file, target of a link, else empty."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: str = ""


@contextlib.contextmanager
def parent(path: str) -> Iterator[tuple[int, str]]:
    """The directory above, opened part by part without following a link, and the last part of the name.

    Whoever may write to a directory on the way could else turn root's hand to another file. Raises OSError.
    """
    parts = path.split("/")
    if parts[0] or not parts[-1] or any(part in ("", ".", "..") for part in parts[1:]):
        raise ActError(f"{path!r} is no plain absolute path")
    descriptor = os.open(ROOT, _FOLDER)
    try:
        for part in parts[1:-1]:
            below = _below(descriptor, part, path)
            os.close(descriptor)
            descriptor = below
        yield descriptor, parts[-1]
    finally:
        os.close(descriptor)


def _below(descriptor: int, part: str, path: str) -> int:
    try:
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} on the way to {path}", part) from None


def look(path: str) -> State | None:
    """What stands there, links not followed; None for nothing."""
    try:
        with parent(path) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            kind = _kind(found.st_mode)
            content = os.readlink(name, dir_fd=folder) if kind == "link" else ""
    except FileNotFoundError:
        return None
    if kind == "file":
        content = digest(read(path))
    return State(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, content)


def read(path: str) -> bytes:
    """A regular file's bytes. Raises ActError for anything else, FileNotFoundError for nothing."""
    with parent(path) as (folder, name):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ActError(f"{path}: is no regular file")
        content = file.read(MOST + 1)
    if len(content) > MOST:
        raise ActError(f"{path}: is larger than {MOST} bytes")
    return content


def write(path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    """Written beside, flushed, renamed: there is the old file or the new one, with its owner and mode."""
    with parent(path) as (folder, name):
        beside = f".{name}.clm-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


@contextlib.contextmanager
def created(path: str, mode: int) -> Iterator[IO[bytes]]:
    """A new file, open to be written. Raises FileExistsError for anything that is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with parent(path) as (folder, name), os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
        yield file


def opened(path: str) -> IO[bytes]:
    """A file that is there, open to be written on."""
    with parent(path) as (folder, name):
        return os.fdopen(os.open(name, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "ab")


def link(path: str, target: str) -> None:
    """A symbolic link in place of whatever stands there."""
    with parent(path) as (folder, name):
        beside = f".{name}.clm-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        os.symlink(target, beside, dir_fd=folder)
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def make_directory(path: str, mode: int, uid: int, gid: int) -> None:
    """The directory with this owner and mode; one that is there is only given these."""
    with parent(path) as (folder, name):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        try:
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        os.fsync(folder)


def remove(path: str) -> bool:
    """Whether it is gone: a directory with something in it stays."""
    with contextlib.suppress(FileNotFoundError), parent(path) as (folder, name):
        is_directory = _kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) == "directory"
        try:
            os.rmdir(name, dir_fd=folder) if is_directory else os.unlink(name, dir_fd=folder)
        except OSError:
            return False
        os.fsync(folder)
    return True


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _kind(mode: int) -> str:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")
