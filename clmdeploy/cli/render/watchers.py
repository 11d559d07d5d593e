"""Several watchers of one change, and one that keeps what it heard."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.changes.world import Silent, Watcher


@dataclass
class Recorder(Silent):
    """Keeps the events of this run, and whether the change was opened at all."""

    change: str | None = None
    plan: Plan | None = None
    events: list[Event] = field(default_factory=list)

    def on_opened(self, change: str, plan: Plan) -> None:
        self.change, self.plan = change, plan

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@dataclass(frozen=True)
class Several:
    """Tells each in turn. A terminal or pipe that is gone must not break a change off: its errors end here."""

    watchers: Sequence[Watcher]

    def on_opened(self, change: str, plan: Plan) -> None:
        self._each(lambda watcher: watcher.on_opened(change, plan))

    def on_event(self, event: Event) -> None:
        self._each(lambda watcher: watcher.on_event(event))

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        self._each(lambda watcher: watcher.on_outcome(step, key, outcome))

    def on_stop_wanted(self, wanted: str) -> None:
        self._each(lambda watcher: watcher.on_stop_wanted(wanted))

    def _each(self, tell: Callable[[Watcher], None]) -> None:
        for watcher in self.watchers:
            with contextlib.suppress(OSError, ValueError):  # ValueError: closed, or an encoding without these letters
                tell(watcher)
