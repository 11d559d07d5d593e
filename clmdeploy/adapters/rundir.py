"""Throwaway directories for ansible-runner, on tmpfs: it writes inventory, variables and environment there.

Mode 0700, removed after each run; what a killed run left is removed at the next start.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = f"clmdeploy-{os.getpid()}-"
_ANY = "clmdeploy-"


@contextmanager
def run_directory() -> Iterator[Path]:
    """A private directory that is gone when the block ends."""
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory_directory()))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def wipe_stale() -> None:
    """Remove directories of this user whose process is gone."""
    for place in memory_directory().glob(f"{_ANY}*"):
        owner = place.name.removeprefix(_ANY).split("-", 1)[0]
        if owner.isdigit() and _is_ours(place) and not Path("/proc", owner).exists():
            shutil.rmtree(place, ignore_errors=True)


def _is_ours(place: Path) -> bool:
    """Others come and go meanwhile: runs beside this one remove their own."""
    try:
        return place.lstat().st_uid == os.getuid()
    except FileNotFoundError:
        return False


def memory_directory() -> Path:
    """Where throwaway directories are made: in memory where this machine has such a place."""
    for candidate in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108  # made private by mkdtemp
        if candidate and os.access(candidate, os.W_OK):
            return Path(candidate)
    return Path(tempfile.gettempdir())
