"""`--events`: what happens as JSON, one object a line, as it happens. Documented in docs/json.md."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.model.value import JsonValue


class EventLines:
    """A Watcher that writes to stdout and nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, str] = {}

    def on_opened(self, change: str, plan: Plan) -> None:
        self._stages = {step.id: step.stage for step in plan.steps}
        steps = [
            {"id": step.id, "stage": step.stage, "title": step.title, "hosts": [one.subject for one in step.targets]}
            for step in plan.steps
        ]
        self.write({"event": "opened", "change": change, "title": plan.title, "plan": plan.digest, "steps": steps})

    def on_event(self, event: Event) -> None:
        line: dict[str, JsonValue] = {"event": event.kind, "change": event.change, "seq": event.seq, "at": event.at}
        if event.step:
            line |= {"step": event.step, "stage": self._stages.get(event.step, "")}
        if event.outcomes:
            line["hosts"] = {key: _outcome(outcome) for key, outcome in event.outcomes.items()}
        if event.detail:
            line["detail"] = event.detail
        self.write(line)

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        stage = self._stages.get(step.id, "")
        if outcome.status == "in-flight":
            told = outcome.result.get("progress", {})
            self.write({"event": "progress", "step": step.id, "stage": stage, "host": key, **told})
            return
        self.write({"event": "outcome", "step": step.id, "stage": stage, "host": key, **_outcome(outcome)})

    def on_stop_wanted(self, wanted: str) -> None:
        """Called inside a signal handler, where stdout may hold half a line: told on stderr."""
        os.write(sys.stderr.fileno(), json.dumps({"event": "stop-wanted", "wanted": wanted}).encode() + b"\n")

    def write(self, line: Mapping[str, JsonValue]) -> None:
        """One line, at once: a pipeline follows along."""
        whole = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}
        with self._lock:
            print(json.dumps(whole, ensure_ascii=False), flush=True)


def _outcome(outcome: Outcome) -> dict[str, str]:
    return {"status": outcome.status, "message": outcome.message}
