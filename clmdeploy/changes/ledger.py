"""The ledger: what the events say of each (step, target). Pure: the same events give the same ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import UNCLEAR, Outcome
from clmdeploy.changes.plan import Plan, Step, Target
from clmdeploy.model.value import JsonValue, Value

State = Literal["pending", "running", "done", "failed", "undoing", "undone", "owed", "unknown", "dropped"]
OPEN: tuple[State, ...] = ("running", "undoing", "unknown")
ACTED: tuple[State, ...] = (
    "done",
    "failed",
    "running",
    "unknown",
    "undoing",
    "owed",
)  # an act may have left something behind
LEFT: tuple[State, ...] = ("pending", "failed", "unknown", "running", "undone")  # a run has still to bring this to done


def state_after(outcome: Outcome) -> State:
    """A host that did not answer is unknown, not failed: it may have acted."""
    if outcome.is_done:
        return "done"
    if outcome.status == "refused" or not outcome.acted:
        return "pending"
    return "unknown" if outcome.status in UNCLEAR else "failed"


class UndoScope(Value):
    """What is being taken back: everything, one batch, or some hosts alone, after which the rest goes on."""

    batch: str | None = None
    hosts: tuple[str, ...] = ()
    failed_step: str = ""


class Ledger:
    """State of every target of every step of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: dict[tuple[str, str], State] = {}
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.attempts: Counter[tuple[str, str, State]] = Counter()
        """how often a (step, target) was begun: to act (`running`) or to be undone (`undoing`)"""
        self._earlier: dict[tuple[str, str], State] = {}
        self.dropped: set[str] = set()
        self.closed: str | None = None
        self.paused = False
        self.shipped_in_part = False
        """work without the storage, whose later events are on its control node: any step may have acted since"""
        self.undo_scope: UndoScope | None = None

    @classmethod
    def of(cls, plan: Plan, events: Iterable[Event]) -> Ledger:
        ledger = cls(plan)
        for event in events:
            ledger.apply(event)
        return ledger

    def apply(self, event: Event) -> None:
        """Take one event into account."""
        self.shipped_in_part |= "offline" in event.detail
        match event.kind:
            case "step-started":
                self._mark(event, "running")
            case "undo-started":
                scope = {key: value for key, value in event.detail.items() if key in UndoScope.model_fields}
                self.undo_scope = UndoScope.model_validate(scope)
                self._mark(event, "undoing")
            case "step-finished":
                self._finish(event)
            case "undo-finished":
                self._finish_undo(event)
            case "host-dropped":
                self.dropped.update(event.detail["hosts"])
                self.undo_scope = None
            case "paused":
                self.paused = True
            case "taken-over":
                self.paused, self.closed = False, None
            case "closed":
                self.closed = str(event.detail["state"])
                if self.closed == "superseded":
                    self._supersede(event.detail["covered"])
                self.shipped_in_part = False
            case "opened":
                pass

    def _mark(self, event: Event, state: State) -> None:
        for key in event.outcomes:
            self._earlier[event.step, key] = self.states.get((event.step, key), "pending")
            self.states[event.step, key] = state
            self.attempts[event.step, key, state] += 1

    def _finish(self, event: Event) -> None:
        for key, outcome in event.outcomes.items():
            self.states[event.step, key] = self._state_after(event.step, key, outcome)
            self.outcomes[event.step, key] = outcome

    def _state_after(self, step_id: str, key: str, outcome: Outcome) -> State:
        """A try that never began takes nothing away from what an earlier one may have left."""
        after, earlier = state_after(outcome), self._earlier.get((step_id, key), "pending")
        if after != "pending" or earlier not in ACTED:
            return after
        return "unknown" if earlier in OPEN else earlier

    def _finish_undo(self, event: Event) -> None:
        for key, outcome in event.outcomes.items():
            self.states[event.step, key] = "undone" if outcome.is_done else self._undone_or_owed(event.step)
            self.outcomes[event.step, key] = outcome

    def _undone_or_owed(self, step_id: str) -> State:
        step = next(step for step in self.plan.steps if step.id == step_id)
        return "undone" if step.undo == "tidy" else "owed"

    def _supersede(self, covered: Collection[str]) -> None:
        """What other work has brought into a known state since is settled; the rest is still to be undone."""
        for step in self.plan.steps:
            for target in self.acted(step):
                settled = step.whole_fleet or target.subject in covered or step.undo not in ("restore", "tidy")
                self.states[step.id, target.key] = "undone" if settled else "owed"

    def state(self, step: Step, target: Target) -> State:
        """`dropped`: was left out for good; what it did before was taken back."""
        state = self.states.get((step.id, target.key), "pending")
        return "dropped" if target.subject in self.dropped and state in ("pending", "undone") else state

    def targets(self, step: Step, *states: State) -> tuple[Target, ...]:
        """Targets of the step that are in one of the states."""
        return tuple(target for target in step.targets if self.state(step, target) in states)

    def results(self, step_id: str) -> dict[str, JsonValue]:
        """By target, what a step found where it is done."""
        named = ((key, one) for (step, key), one in self.outcomes.items() if step == step_id)
        return {key: one.result for key, one in named if self.states[step_id, key] == "done"}

    def acted(self, step: Step) -> tuple[Target, ...]:
        """Targets on which the step may have left something behind."""
        return self.targets(step, *ACTED, *(("pending",) if self.shipped_in_part else ()))

    def owed(self) -> Iterator[tuple[Step, Target]]:
        """Undos that could not run: their hosts take no other work until this is settled."""
        for step in self.plan.steps:
            for target in self.targets(step, "owed"):
                yield step, target

    def irreversible_done(self) -> Iterator[Step]:
        """Steps without a way back that have acted."""
        return (step for step in self.plan.irreversible if self.acted(step))

    def unsettled(self) -> Iterator[tuple[Step, Target]]:
        """Acts whose result was never written."""
        for step in self.plan.steps:
            for target in self.targets(step, *OPEN):
                yield step, target

    @property
    def anything_changed(self) -> bool:
        """Whether some act may have left something that was not there before."""
        return any(self.acted(step) for step in self.plan.steps if step.undo in ("restore", "keep", "irreversible"))
