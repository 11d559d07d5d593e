"""Throwaway directories for ansible-runner, on tmpfs: it writes inventory, variables and environment there.

Mode 0700, removed after each run. What a killed run left is cleared at the next start: first its processes, which may
still act on hosts, then its directories. The name of a directory tells its owner: process ID, start of that process
(IDs are reused) and PID namespace (containers may share the place, or see each other's processes).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clmdeploy.adapters.processes import Process, end_processes_of, own_namespace, own_process, processes_by_run
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import OutcomeUnknown

_NAME = re.compile(r"clmdeploy-(?P<pid>\d+)-(?P<started>\d+)-(?P<namespace>\d+)-.+")


def private_directory() -> Path:
    """A new directory of this process, closed to others; `remove` ends it."""
    return Path(tempfile.mkdtemp(prefix=name_of(own_process()), dir=memory_directory()))


def name_of(owner: Process) -> str:
    """How the names of a process's directories begin."""
    return f"clmdeploy-{owner.pid}-{owner.started}-{own_namespace()}-"


@contextmanager
def run_directory() -> Iterator[Path]:
    """A private directory that is gone when the block ends."""
    place = private_directory()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def remove(place: Path) -> None:
    """End what belongs to the directory, shared SSH connections among it, and remove it."""
    end_processes_of(place)
    shutil.rmtree(place, ignore_errors=True)


def clear_stale() -> None:
    """End what killed runs of this user left running on this machine, then remove their directories.

    Raises OutcomeUnknown when something can't be ended: then nothing else may act.
    """
    for place in {run for run in processes_by_run() if _is_stale(run)}:
        left = end_processes_of(place)
        if left:
            pids = " ".join(str(one.pid) for one in left)
            raise OutcomeUnknown(
                Bilingual(
                    f"a run of clmdeploy that was killed has left processes here that do not end: {pids}",
                    f"убитый запуск clmdeploy оставил здесь процессы, которые не завершаются: {pids}",
                ),
                Bilingual(
                    "find out what holds them (often a dead network file system), end them, then run this again",
                    "выясните, что их держит (часто это мёртвая сетевая файловая система), завершите их и повторите",
                ),
            )
    for place in stale_directories():
        shutil.rmtree(place, ignore_errors=True)


def stale_directories() -> Iterator[Path]:
    """Directories of this user whose process is gone, wherever it made them: a session's variables come and go."""
    for place in {found for candidate in _candidates() for found in candidate.glob("clmdeploy-*")}:
        if _is_stale(place) and _is_ours(place):
            yield place


def _is_stale(place: Path) -> bool:
    owner = _NAME.fullmatch(place.name)
    if owner is None or int(owner["namespace"]) != own_namespace():
        return False  # of a process that can't be seen from here nobody can say that it is gone
    return not Process(int(owner["pid"]), int(owner["started"])).lives


def _is_ours(place: Path) -> bool:
    """Others come and go meanwhile: runs beside this one remove their own."""
    try:
        return place.lstat().st_uid == os.getuid() and not place.is_symlink()
    except FileNotFoundError:
        return False


def memory_directory() -> Path:
    """Where throwaway directories are made: in memory where this machine has such a place."""
    return next(place for place in _candidates() if os.access(place, os.W_OK))


def _candidates() -> list[Path]:
    named = os.environ.get("XDG_RUNTIME_DIR")
    session = [Path(named)] if named else []
    # made private by mkdtemp
    return [*session, Path(f"/run/user/{os.getuid()}"), Path("/dev/shm"), Path(tempfile.gettempdir())]  # noqa: S108
