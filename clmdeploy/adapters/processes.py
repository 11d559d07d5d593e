"""Processes of this machine, as /proc tells (proc(5)): which ones belong to a run, and how they are ended.

A process belongs to a run when its environment names the run's directory, which is unique: no guessing by names, and a
process ID that was reused by a stranger is a stranger. Shared SSH connections (ControlPersist) overwrite their
environment with their title, which names the directory as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "CLMDEPLOY_RUN"
"""environment variable that holds the run's directory, in everything that a run starts"""
_IN_ENVIRONMENT = re.compile(rb"(?:^|\0)CLMDEPLOY_RUN=([^\0]+)")
_IN_TITLE = re.compile(rb"ssh: ([^\0]*/clmdeploy-\d+-\d+-[^/\0]+)/")
GRACE = 3.0
LIMIT = 10.0


@dataclass(frozen=True)
class Process:
    """One process, told from later ones with the same ID by its start (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with this ID. One that has ended and was not yet noticed by its parent lives no more."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()  # the name before may hold anything, spaces and brackets too
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def lives(self) -> bool:
        return Process.of(self.pid) == self


def own_process() -> Process:
    """The process that runs this."""
    found = Process.of(os.getpid())
    if found is None:  # a machine without /proc: nothing is ever told from anything there
        return Process(os.getpid(), 0)
    return found


def own_namespace() -> int:
    """The PID namespace in which this process sees others, 0 on a machine that has none."""
    with contextlib.suppress(OSError):
        return os.stat("/proc/self/ns/pid").st_ino
    return 0


def processes_of(directory: Path) -> list[Process]:
    """This user's living processes that belong to the run in `directory`, but for the one that asks."""
    return processes_by_run().get(directory, [])


def processes_by_run() -> dict[Path, list[Process]]:
    """This user's living processes that belong to any run, by the run's directory, which need not exist any more."""
    found: dict[Path, list[Process]] = {}
    for pid in _own_pids():
        run, process = _run_of(pid), Process.of(pid)
        if run is not None and process is not None:
            found.setdefault(run, []).append(process)
    return found


def end_processes_of(directory: Path, grace: float = GRACE, limit: float = LIMIT) -> list[Process]:
    """End what belongs to the run: asked first, forced after `grace` seconds. What still lives after `limit` seconds.

    It is looked for anew until nothing is found: what is ended may have started others meanwhile.
    """
    begun, asked = time.monotonic(), set[Process]()
    while living := processes_of(directory):
        spent = time.monotonic() - begun
        if spent > limit:
            return living
        forced = spent > grace
        for process in living:
            if forced or process not in asked:
                send(process, signal.SIGKILL if forced else signal.SIGTERM)
        asked.update(living)
        _await_any(living)
    return []


def send(process: Process, number: int) -> None:
    """Send a signal to exactly this process: where its ID has passed to another, to nobody."""
    with contextlib.suppress(ProcessLookupError), _handle(process.pid) as handle:
        if process.lives:  # asked after the handle was opened: from here on the handle can mean no other
            signal.pidfd_send_signal(handle, number)


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int]:
    handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        os.close(handle)


def _await_any(processes: list[Process], seconds: float = 0.1) -> None:
    """Until the first of them has ended, `seconds` at most."""
    with contextlib.suppress(ProcessLookupError), _handle(processes[0].pid) as handle:
        select.select([handle], [], [], seconds)


def _own_pids() -> Iterator[int]:
    own, asking = os.getuid(), os.getpid()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != asking:
            with contextlib.suppress(OSError):  # it ended meanwhile
                if entry.stat().st_uid == own:
                    yield int(entry.name)


def _run_of(pid: int) -> Path | None:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    found = _IN_ENVIRONMENT.search(environment) or _IN_TITLE.match(title)
    return Path(os.fsdecode(found[1])) if found else None
