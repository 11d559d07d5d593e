"""The users of CLM: an open-loop load through the balancer while something is done to the hosts behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clmdeploy.lab.demo.failure import PromiseBroken
from clmdeploy.lab.demo.report import Measurement
from clmdeploy.lab.lab import Lab
from clmdeploy.lab.load_plan import LoadPlan
from clmdeploy.lab.load_process import LoadProcess
from clmdeploy.lab.writes import count_by_psql, verify_writes

_TAIL_SECONDS = 1.0  # requests flow on after what was done: a failure that lasts shows too
_START_SECONDS = 3.0  # until the load's own interpreter sends its first request, on a busy machine
_LONGEST_SECONDS = 3600.0


class Traffic:
    """Makes stretches of load on one lab. `rate`: requests a second; `subscribers`: how many were seeded."""

    def __init__(self, lab: Lab, rate: float, subscribers: int) -> None:
        self._lab = lab
        # A generous limit: on a busy machine an answer may be late, and late is not lost.
        self._plan = LoadPlan(lab.url, rate=rate, seconds=_LONGEST_SECONDS, timeout=30, subscribers=subscribers)

    @contextmanager
    def flowing(self, during: str, keep: Callable[[Measurement], None], least: int = 1) -> Iterator[None]:
        """Requests flow while the block lasts, and on until `least` were sent; `keep` then gets what was measured."""
        began = time.monotonic()
        with LoadProcess(self._plan) as load:
            yield
            enough = began + _START_SECONDS + least / self._plan.rate
            time.sleep(max(_TAIL_SECONDS, enough - time.monotonic()))
            report = load.stop()
        count = count_by_psql(lambda argv, text: self._lab.host("db1").run(argv, input=text).stdout)
        keep(Measurement.of(during, report, verify_writes(report.acknowledged, count)))


def demand_unharmed(measured: Measurement, least: int = 1) -> None:
    """Raises PromiseBroken unless no request failed, every write is there once, and enough was sent to tell."""
    if measured.failed or not measured.exact:
        raise PromiseBroken(f"{measured.during}: {measured.sentence}: {measured.reasons}")
    if measured.sent < least:
        raise PromiseBroken(f"{measured.during}: only {measured.sent} requests were sent, at least {least} are needed")


def demand_harm(measured: Measurement) -> None:
    """Raises PromiseBroken unless requests failed: the control run shows that the measurement can tell."""
    if not measured.failed:
        raise PromiseBroken(f"{measured.during}: no request failed, so the measurement proves nothing")
