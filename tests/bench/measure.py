"""Wall time and memory of programs that the benchmark starts."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERVAL = 0.1  # seconds between two looks at memory
_MEBIBYTE = 1024  # KiB
_LIMIT = 300  # seconds for one program


class ContenderFailed(Exception):
    """A program that was measured did not do its work."""


def timed(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds until the program ends. Raises ContenderFailed with the end of what it said when it fails."""
    begun = time.monotonic()
    finished = subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT, check=False
    )
    seconds = time.monotonic() - begun
    _refuse_failure(argv, finished.returncode, finished.stdout + finished.stderr)
    return seconds


def _refuse_failure(argv: Sequence[str], code: int, said: str) -> None:
    if code != 0:
        raise ContenderFailed(f"{' '.join(argv[:6])} … ended with exit code {code}:\n{said[-3000:]}")


@dataclass(frozen=True)
class Memory:
    """Peaks in MiB. `together`: shared pages counted once (PSS)."""

    own: float
    """the control process itself"""
    ansible: float
    """the largest process below it"""
    together: float
    """everything on the control node at once"""


def memory_of(argv: Sequence[str], environment: Mapping[str, str]) -> Memory:
    """Run a program while looking at its memory; that costs time, so this run is not for timing.

    A process's own peak is the kernel's high-water mark: `getrusage` would count what it was forked from.
    """
    peaks = _Peaks()
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process:
            watcher = threading.Thread(target=peaks.watch, args=(process,))
            watcher.start()
            process.wait(_LIMIT)
            watcher.join()
        said.seek(0)
        _refuse_failure(argv, process.returncode, said.read())
    return Memory(peaks.own / _MEBIBYTE, peaks.below / _MEBIBYTE, peaks.together / _MEBIBYTE)


class _Peaks:
    def __init__(self) -> None:
        self.own = self.below = self.together = 0

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Look until the process has ended; all numbers are KiB."""
        while process.poll() is None:
            below = list(_descendants(process.pid))
            self.own = max(self.own, _field(process.pid, "status", "VmHWM"))
            self.below = max(self.below, *(_field(pid, "status", "VmHWM") for pid in below), 0)
            self.together = max(self.together, sum(_field(pid, "smaps_rollup", "Pss") for pid in (process.pid, *below)))
            time.sleep(_INTERVAL)


def _descendants(pid: int) -> Iterator[int]:
    for task in _tasks(pid):
        for child in _read(task / "children").split():
            yield int(child)
            yield from _descendants(int(child))


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _field(pid: int, file: str, name: str) -> int:
    """A field of a process in KiB; 0 when the process is gone."""
    lines = _read(Path(f"/proc/{pid}/{file}")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
