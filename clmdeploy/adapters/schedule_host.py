"""This machine as the scheduled jobs see it: systemd's calendar, the boot, processes."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from clmdeploy.adapters.processes import Process, own_process
from clmdeploy.backups.host_files import UNITS
from clmdeploy.backups.run_ledger import Run
from clmdeploy.backups.schedule_layout import unit
from clmdeploy.model.errors import InvalidInput

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SECONDS = 20
_MOST = 500  # times at once: more were never due between two looks, or a week of them is one fact
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC$")


class ScheduleHost:
    """Implements the JobHost port."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def own_run(self, now: float) -> Run:
        """A run of this very process."""
        own = own_process()
        return Run(
            id=self.run_id or secrets.token_hex(16), started=now, boot=self.boot, process=own.pid,
            process_start=own.started,
        )  # fmt: skip

    @property
    def run_id(self) -> str:
        """systemd's ID of this run of the unit, the same for all of the unit's processes; empty outside of a unit."""
        return self._environ.get("INVOCATION_ID", "")

    @property
    def boot(self) -> str:
        """Another after each boot; empty where the kernel doesn't say."""
        try:
            return _BOOT.read_text().strip()
        except OSError:
            return ""

    def lives(self, run: Run) -> bool:
        """Whether it can be at work still."""
        found = Process.of(run.process)
        return run.boot == self.boot and found is not None and found.started == run.process_start

    def ended_by(self) -> tuple[str, str, str]:
        """What systemd tells a unit's last process of its main one: result, code, status (systemd.exec(5))."""
        names = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")
        return (*(self._environ.get(name, "") for name in names),)  # type: ignore[return-value]  # three of three

    def installed(self, job: str) -> float | None:
        """Since when the job's timer is as it is; None where no timer starts it."""
        try:
            return os.stat(f"{UNITS}/{unit(job, 'timer')}").st_mtime
        except OSError:
            return None

    def due(self, calendars: Sequence[str], after: float, until: float) -> Sequence[float]:
        """When the calendars wanted a start, after one moment and up to another. Raises InvalidInput."""
        times = {at for calendar in calendars for at in self._elapses(calendar, after) if after < at <= until}
        return sorted(times)

    def _elapses(self, calendar: str, after: float) -> Sequence[float]:
        command = (
            "systemd-analyze", "calendar", f"--iterations={_MOST}", f"--base-time=@{after:.0f}", "--", calendar,
        )  # fmt: skip
        try:
            finished = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL,
                env={**self._environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InvalidInput(f"systemd-analyze: {error}") from error
        if finished.returncode != 0:
            raise InvalidInput(f"systemd-analyze calendar {calendar!r}: {finished.stderr.strip()[-300:]}")
        return elapses_in(finished.stdout)


def elapses_in(said: str) -> Sequence[float]:
    """The moments that `systemd-analyze calendar` tells; in another zone it says each once more in UTC."""
    found = (_TIME.search(line.strip()) for line in said.splitlines())
    return [datetime.fromisoformat(one[1]).replace(tzinfo=UTC).timestamp() for one in found if one]
