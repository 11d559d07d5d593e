"""The directory that pg_dump writes into, while it does: what of it may be stored now, and is given back to the disk.

A member is followed as it grows: each full part of it is stored and cut out of the file (a hole is punched behind), so
that a table of any size needs no more than some parts of disk. What nobody has open any more is stored to its end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from typing import NamedTuple

from .call import ActError

PLACE = "/var/spool/clm-dump"
PART = 16 * 1024 * 1024  # bytes
TOC = "toc.dat"
_PUNCH_HOLE, _KEEP_SIZE = 2, 1  # linux/falloc.h


class Ready(NamedTuple):
    """Some bytes of a member that won't change. `last`: nothing follows them."""

    name: str
    offset: int
    size: int
    last: bool


class Spool:
    """Made anew: what a killed run left there goes."""

    def __init__(self, account: str, name: str = "dump") -> None:
        os.makedirs(PLACE, mode=0o711, exist_ok=True)
        self.path = os.path.join(PLACE, name)
        shutil.rmtree(self.path, ignore_errors=True)
        os.mkdir(self.path, mode=0o700)
        user = pwd.getpwnam(account)
        os.chown(self.path, user.pw_uid, user.pw_gid)
        self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._next: dict[str, int] = {}
        self._over: set[str] = set()

    def remove(self) -> None:
        os.close(self._folder)
        shutil.rmtree(self.path, ignore_errors=True)

    def ready(self, group: int, *, ended: bool, part: int = PART) -> list[Ready]:
        """What can be stored now. `group`: processes that may still write; `ended`: they are all gone."""
        names = sorted(set(os.listdir(self._folder)) - self._over)
        busy = set() if ended else self._open(group) | {TOC}
        found: list[Ready] = []
        for (
            name
        ) in names:  # looked at behind the question of who has it open: a size that still grows is never the last
            found += self._of(name, part, closed=name not in busy)
        return found

    def read(self, ready: Ready) -> bytes:
        """Raises ActError when it is not all there."""
        descriptor = os.open(ready.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._folder)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ActError(f"{self.path}/{ready.name} is no file")
            file.seek(ready.offset)
            body = file.read(ready.size)
        if len(body) != ready.size:
            raise ActError(f"{self.path}/{ready.name} has become shorter")
        return body

    def stored(self, ready: Ready) -> None:
        """From here on it need not be on the disk."""
        self._next[ready.name] = ready.offset + ready.size
        if ready.last:
            self._over.add(ready.name)
            os.unlink(ready.name, dir_fd=self._folder)
        else:
            self._punch(ready)

    def used(self) -> int:
        """Bytes of disk."""
        with os.scandir(self._folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)

    def _of(self, name: str, part: int, *, closed: bool) -> list[Ready]:
        size = os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_size
        begin, found = self._next.get(name, 0), []
        while size - begin > part or (size - begin == part and not closed):
            found.append(Ready(name, begin, part, last=False))
            begin += part
        return [*found, Ready(name, begin, size - begin, last=True)] if closed else found

    def _punch(self, ready: Ready) -> None:
        descriptor = os.open(ready.name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=self._folder)
        try:
            mode, offset, size = _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_long(ready.offset), ctypes.c_long(ready.size)
            if _libc.fallocate(descriptor, mode, offset, size) != 0:
                cause = os.strerror(ctypes.get_errno())
                raise ActError(f"{self.path}: this file system gives no room back ({cause}): mount another one there")
        finally:
            os.close(descriptor)

    def _open(self, group: int) -> set[str]:
        """Names of files that a process of this group has open."""
        found: set[str] = set()
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended meanwhile, and closed all
                if os.getpgid(int(name)) == group:
                    found.update(_files(f"/proc/{name}/fd"))
        return found


def _files(place: str) -> Iterator[str]:
    for one in os.listdir(place):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: this one alone
            yield os.path.basename(os.readlink(f"{place}/{one}"))


_libc = ctypes.CDLL(None, use_errno=True)
