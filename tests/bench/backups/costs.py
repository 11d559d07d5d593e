"""What an act costs: time, processor time of every host and of the control node, bytes in the bucket, own memory."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clmdeploy.lab import Lab
from clmdeploy.lab.facts import BACKUP_BUCKET
from clmdeploy.model.secret import Secret
from tests.bench.measure import ContenderFailed

_LIMIT = 3600  # seconds
_INTERVAL = 0.2  # seconds between two looks at a process's memory
_MEBIBYTE = 1024  # KiB


@dataclass(frozen=True)
class Cost:
    """`wall` and `processor` in seconds, `stored` in bytes, `memory` in MiB: of clmdeploy's own process, else 0."""

    wall: float
    processor: float
    stored: int
    memory: float = 0.0


@dataclass(frozen=True)
class Meter:
    """Measures acts on one lab."""

    lab: Lab

    def measured(self, act: Callable[[], float]) -> Cost:
        """What `act` costs; it returns the peak memory of its own process in MiB."""
        processor, stored, begun = self._processor(), self.stored(), time.monotonic()
        memory = act()
        wall = time.monotonic() - begun
        return Cost(wall, self._processor() - processor, self.stored() - stored, memory)

    def stored(self) -> int:
        """Bytes of the objects in the bucket of backups; older versions are not counted."""
        secrets = self.lab.inventories / self.lab.environment / "secrets"
        access, secret = ((secrets / f"backup-{kind}-key").read_text().strip() for kind in ("access", "secret"))
        client = replace(self.lab.storage, access_key=access, secret_key=Secret(secret)).client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BACKUP_BUCKET)
        return sum(entry["Size"] for page in pages for entry in page.get("Contents", ()))

    def _processor(self) -> float:
        """Of all hosts together, by their control groups, and of what this process has started and seen end."""
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        hosts = sum(host.processor_seconds() for host in self.lab.hosts.values())
        return hosts + ours.ru_utime + ours.ru_stime


def run_watched(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Peak memory in MiB of the process itself. Raises ContenderFailed with the end of what it said.

    By the kernel's high-water mark: `getrusage` would count what the process was forked from.
    """
    peak = 0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + _LIMIT
        while process.poll() is None:
            peak = max(peak, _high_water(process.pid))
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(_INTERVAL)
        if process.returncode != 0:
            said.seek(0)
            end = said.read().decode(errors="replace")[-3000:]
            raise ContenderFailed(f"{' '.join(argv[:6])} … ended with exit code {process.returncode}:\n{end}")
    return peak / _MEBIBYTE


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
