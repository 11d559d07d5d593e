"""A load in a process of its own: started, waited for or ended early, and its report read."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from types import TracebackType
from typing import Self

from clmdeploy.lab.load_plan import LoadPlan
from clmdeploy.lab.load_report import LoadReport
from clmdeploy.model.errors import ClmError

_GRACE_SECONDS = 30.0  # start of the interpreter and printing, on a busy machine


class LoadProcess:
    """Runs while the block lasts: `with LoadProcess(plan) as load: …; report = load.stop()`."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        values = dataclasses.asdict(plan).items()
        flags = [text for name, value in values for text in ("--" + name.replace("_", "-"), str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clmdeploy.lab.load", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> LoadReport:
        """End it now; requests on their way are waited for. Raises ClmError when it has died without a report."""
        if self.running:
            self._process.terminate()
        return self._collect(self._plan.timeout + _GRACE_SECONDS)

    def wait(self) -> LoadReport:
        """Wait for the end of the plan. Raises ClmError when it has died without a report."""
        return self._collect(self._plan.seconds + self._plan.timeout + _GRACE_SECONDS)

    def _collect(self, seconds: float) -> LoadReport:
        try:
            report, complaint = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise ClmError(f"the load did not end within {seconds:g} s", "look at the load on this machine") from error
        if self._process.returncode != 0:
            raise ClmError(f"the load ended with status {self._process.returncode}: {complaint.strip()[-500:]}")
        return LoadReport.from_json(report)
