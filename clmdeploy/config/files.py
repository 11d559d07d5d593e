"""Reading files that others wrote: bounded, regular files only, with faults that name file and remedy."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from clmdeploy.model.errors import InvalidInput

_SMALL = 64 * 1024


def under(base_directory: Path, path: str) -> Path:
    """`path` as settings mean it: absolute, below the home directory (~), or relative to `base_directory`."""
    expanded = os.path.expanduser(path)
    return base_directory / expanded


def read_text(path: Path, limit: int) -> str:
    """The whole file as UTF-8. Raises InvalidInput, with the path, when that is impossible or over `limit` bytes."""
    data, _mode = _read(path, limit, str(path))
    return _decoded(data, str(path))


def read_public(path: Path, source: str) -> str:
    """A small file that anybody may read. `source` is who points to it."""
    data, _mode = _read(path, _SMALL, f"{source}: {path}")
    return _decoded(data, f"{source}: {path}")


def read_private(path: Path, source: str) -> str:
    """A secret's file. `source` is who points to it. Raises InvalidInput also when every account may read it."""
    data, mode = _read(path, _SMALL, f"{source}: {path}")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise InvalidInput(f"{source}: {path} can be read or written by every account", f"chmod 600 {path}")
    return _decoded(data, f"{source}: {path}")


def _read(path: Path, limit: int, source: str) -> tuple[bytes, int]:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput(f"{source}: is not a regular file")
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InvalidInput(f"{source}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{source}: can't be read: {reason}") from error
    if len(data) > limit:
        raise InvalidInput(f"{source}: larger than {limit // 1024} KiB")
    return data, status.st_mode


def _without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe must not wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{source}: is not UTF-8 text (byte {error.start})") from error
