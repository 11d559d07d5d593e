"""A control group (version 2) for each host: what freezes it, ends all of it at once, and tells whether it lives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.lab.machine import LabError, cgroup_root

_END_LIMIT = 10.0  # seconds for the kernel to end the processes of a group


@dataclass(frozen=True)
class Cgroup:
    """The group of one host. Its supervisor lives in `keeper`, the host itself in `machine`: a group that has
    children with controllers may hold no process of its own."""

    path: Path

    @classmethod
    def of(cls, tag: str, host: str) -> Cgroup:
        return cls(cgroup_root() / tag / host)

    def create(self) -> None:
        """Make the group and its two children, thawed."""
        for child in ("keeper", "machine"):
            (self.path / child).mkdir(parents=True, exist_ok=True)
        self.thaw()

    @property
    def alive(self) -> bool:
        """Whether any process is in it."""
        return self._event("populated")

    @property
    def frozen(self) -> bool:
        return self._event("frozen")

    def processor_seconds(self) -> float:
        """What its processes have used since it was made, those that ended included."""
        fields = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6

    def freeze(self) -> None:
        """Stop every process of the group; returns once they stand. Raises LabError if they don't within seconds."""
        self._write("cgroup.freeze", "1")
        self._await("frozen", wanted=True)

    def thaw(self) -> None:
        self._write("cgroup.freeze", "0")

    def init_process(self) -> int:
        """The machine's number of the host's own process 1. Raises LabError when the host is off."""
        for file in (self.path / "machine").rglob("cgroup.procs"):
            for process in _numbers(file):
                if _number_inside(process) == 1:
                    return process
        raise LabError(f"{self.path.name} is off")

    def kill(self) -> None:
        """End every process at once, frozen ones too; returns once they are gone.

        Raises LabError if some are still there after ten seconds.
        """
        if not self.path.exists():
            return
        self._write("cgroup.kill", "1")
        self._await("populated", wanted=False)

    def remove(self) -> None:
        """Remove the group and its children. Raises LabError when it is not empty."""
        remove_tree(self.path)

    def _await(self, event: str, *, wanted: bool) -> None:
        deadline = time.monotonic() + _END_LIMIT
        while self._event(event) is not wanted:
            if time.monotonic() > deadline:
                raise LabError(f"{self.path}: '{event}' did not become {wanted} within {_END_LIMIT:g} s")
            time.sleep(0.02)

    def _event(self, name: str) -> bool:
        try:
            return f"{name} 1" in (self.path / "cgroup.events").read_text().splitlines()
        except OSError:
            return False

    def _write(self, file: str, value: str) -> None:
        try:
            (self.path / file).write_text(value)
        except OSError as error:
            raise LabError(f"{self.path / file}: {error.strerror}") from error


def remove_tree(group: Path) -> None:
    """Remove a group and all below it; one that is not there is fine. Raises LabError when a process is left."""
    for directory in sorted((path for path in (group, *group.rglob("*")) if path.is_dir()), reverse=True):
        try:
            directory.rmdir()
        except OSError as error:
            raise LabError(f"{directory}: {error.strerror}", "repeat the command") from error


def _numbers(file: Path) -> tuple[int, ...]:
    try:
        return tuple(int(line) for line in file.read_text().split())
    except OSError:  # the group ended meanwhile
        return ()


def _number_inside(process: int) -> int | None:
    """The number of a process in its innermost PID namespace (last field of NSpid, proc(5))."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return int(numbers[-1]) if len(numbers) == 3 else None  # machine, supervisor's, host's: not a container within
