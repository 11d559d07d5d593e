"""Ledgers and metrics of the scheduled jobs, as files of this account on this machine."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from clmdeploy.backups.jobs import JOB_NAME
from clmdeploy.backups.run_ledger import RunLedger
from clmdeploy.backups.schedule_layout import METRICS_FILE
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import canonical_json

_LARGEST = 1024 * 1024


class ScheduleState:
    """Implements the LedgerBook port. What is written replaces what was there whole, or not at all."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def read(self, job: str) -> RunLedger:
        """Empty before the first run. Raises InvalidInput for a damaged one."""
        path = self._path(job)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return RunLedger(job=job)
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from error
        try:
            return RunLedger.model_validate_json(content)
        except ValidationError as error:
            raise InvalidInput(
                f"{path}: is damaged: {error.errors()[0]['msg']}", f"mv {path} {path}.damaged"
            ) from error

    def change(self, job: str, change: Callable[[RunLedger], RunLedger]) -> RunLedger:
        """Read, change, write; nobody else does so meanwhile."""
        with self._locked():
            present = self.read(job)
            wanted = change(present)
            if wanted != present:
                self._write(self._path(job), canonical_json(wanted), 0o600)
        return wanted

    def publish(self, metrics: str) -> None:
        """For whoever collects metrics: readable by all."""
        self._write(self.place / "metrics" / METRICS_FILE, metrics.encode(), 0o644)

    def _path(self, job: str) -> Path:
        if re.fullmatch(JOB_NAME, job) is None:
            raise InvalidInput(f"{job!r} is no job")
        return self.place / "ledgers" / f"{job}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            (self.place / "ledgers").mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.place / "ledgers" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidInput(f"{self.place}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for the time of one small write
            yield
        finally:
            os.close(descriptor)

    def _write(self, path: Path, content: bytes, mode: int) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.replace(beside, path)
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from error
