"""A change while it goes on, in a pipe or a log: plain lines, each with its time and stage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import clock_words, span
from clmdeploy.cli.render.plan import stage_number
from clmdeploy.cli.render.rows import hosts_in, progress_words, subject_of
from clmdeploy.model.faults import printable

PAUSE = 10.0  # seconds between two lines of how far a host is


class PlainProgress:
    """A Watcher: one line when a step begins, one when it ends, and one for each host that failed."""

    def __init__(
        self, console: Console, invocation: Invocation, zone: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._invocation, self._zone, self._clock = console, invocation, zone, clock
        self._plan: Plan | None = None
        self._begun = 0.0
        self._told: dict[str, float] = {}

    def on_opened(self, change: str, plan: Plan) -> None:
        self._plan = plan
        self._say(datetime.now(UTC), "", self._invocation.say("progress.opened", change=change))

    def on_event(self, event: Event) -> None:
        if self._plan is None or not event.step or event.kind == "host-dropped":
            return
        step = next(one for one in self._plan.steps if one.id == event.step)
        stage, at = stage_number(self._plan, step), datetime.fromisoformat(event.at)
        if event.kind in ("step-finished", "undo-finished"):
            for words in self._ends(event):
                self._say(at, stage, words)
            return
        self._begun = self._clock()
        key = "progress.begins" if event.kind == "step-started" else "progress.takes_back"
        hosts = ", ".join(hosts_in(event))
        self._say(at, stage, self._invocation.say(key, hosts=hosts, step=printable(step.title)))

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        """Lines are written when all hosts of a step have answered; of long work now and then how far it is."""
        words, now = progress_words(outcome) if outcome.status == "in-flight" else "", self._clock()
        if self._plan is None or not words or now - self._told.get(key, 0.0) < PAUSE:
            return
        self._told[key] = now
        self._say(datetime.now(UTC), stage_number(self._plan, step), f"{subject_of(key)}: {words}")

    def on_stop_wanted(self, wanted: str) -> None:
        """Called inside a signal handler, where no buffered stream may be touched."""
        os.write(sys.stderr.fileno(), f"{self._invocation.say(f'progress.{wanted}_wanted')}\n".encode())

    def _ends(self, event: Event) -> list[str]:
        bad = {subject_of(key): outcome for key, outcome in event.outcomes.items() if not outcome.is_done}
        good = ", ".join(host for host in hosts_in(event) if host not in bad)
        key = "progress.done" if event.kind == "step-finished" else "progress.taken_back"
        seconds = span(self._clock() - self._begun)
        lines = [self._invocation.say(key, hosts=good, seconds=seconds)] if good else []
        for host, outcome in bad.items():
            message = printable(self._invocation.told(outcome.message))
            lines.append(self._invocation.say("progress.failed", host=host, status=outcome.status, message=message))
        return lines

    def _say(self, at: datetime, stage: str, words: str) -> None:
        self._console.print(f"{clock_words(at, self._zone, '%H:%M:%S %Z')}  {stage:<12}  {words}", soft_wrap=True)
