"""The state of every host while a change goes on: what both the live picture and the plain lines are made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.ledger import state_after
from clmdeploy.changes.plan import GateCall, Plan, Step
from clmdeploy.cli.render.console import size_words


@dataclass(frozen=True)
class Row:
    """One host: the step that it is in, how that stands, and since when (monotonic seconds)."""

    host: str
    stage: str = ""
    step: str = ""
    state: str = "pending"
    begun: float = 0.0
    ended: float | None = None
    progress: str = ""
    """how far the step is, in words; empty where it does not tell"""

    def seconds(self, now: float) -> float:
        return (self.ended if self.ended is not None else now) - self.begun


@dataclass
class Rows:
    """All hosts of a plan, in its order. Not locked: its owner is."""

    plan: Plan
    rows: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = dict.fromkeys(target.subject for step in self.plan.steps for target in step.targets)
        self.rows = {name: Row(name) for name in names}

    def step(self, event: Event) -> Step:
        return next(step for step in self.plan.steps if step.id == event.step)

    def take(self, event: Event, now: float) -> None:
        """A step or its undo began or ended, or hosts were left out."""
        if event.kind == "host-dropped":
            for host in event.detail["hosts"]:
                self._change(host, state="dropped", ended=now)
        elif event.kind in ("step-started", "undo-started"):
            state, step = "running" if event.kind == "step-started" else "undoing", self.step(event)
            for host in hosts_in(event):
                self._change(host, stage=step.stage, step=step.title, state=state, begun=now, ended=None, progress="")
        elif event.kind in ("step-finished", "undo-finished"):
            for key, outcome in event.outcomes.items():
                shown = _shown(outcome, self.step(event), undoing=event.kind == "undo-finished")
                self._change(subject_of(key), state=shown, ended=now)

    def hear(self, step: Step, key: str, outcome: Outcome, now: float) -> None:
        """One host has answered, others have not yet. A gate's good answer ends nothing: it is asked again."""
        row = self.rows.get(subject_of(key))
        if row is None or row.ended is not None or (isinstance(step.action, GateCall) and outcome.is_done):
            return
        if outcome.status == "in-flight":
            self._change(row.host, progress=progress_words(outcome))
        elif row.state in ("running", "undoing"):
            self._change(row.host, state=_shown(outcome, step, undoing=row.state == "undoing"), ended=now)

    def _change(self, host: str, **changes: object) -> None:
        self.rows[host] = replace(self.rows.get(host, Row(host)), **changes)  # type: ignore[arg-type]  # Row's own fields


def progress_words(outcome: Outcome) -> str:
    """Like `1.2 GB of 3.4 GB, 56.7 MB/s`; empty where an outcome tells of no progress."""
    told = outcome.result.get("progress")
    if not told:
        return ""
    whole = f" / {size_words(told['total'])}" if told["total"] else ""
    rate = f", {size_words(told['rate'])}/s" if told["rate"] else ""
    return f"{size_words(told['bytes'])}{whole}{rate}"


def subject_of(key: str) -> str:
    """The host that a target is about: `app1` of `app1@lb1`."""
    return key.partition("@")[0]


def hosts_in(event: Event) -> list[str]:
    return list(dict.fromkeys(subject_of(key) for key in event.outcomes))


def _shown(outcome: Outcome, step: Step, *, undoing: bool) -> str:
    """As the ledger counts it; only what was refused shows as failed, though it may be tried again."""
    if undoing:
        return "undone" if outcome.is_done or step.undo == "tidy" else "owed"
    state = state_after(outcome)
    return "failed" if state == "pending" else state
