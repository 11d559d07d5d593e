"""The executor: applies a plan step by step, journals before it acts, and takes back what failed.

There is one for every kind of change. It keeps no state of its own: the journal's events give the ledger, and the
ledger says what is left, so that `resume` and `abort` are the same code as the first run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.data_hold import DataHold
from clmdeploy.changes.dispatch import Dispatch
from clmdeploy.changes.ending import Ending, Failure, owed_hosts
from clmdeploy.changes.event_details import ClosedState
from clmdeploy.changes.events import EventKind
from clmdeploy.changes.gates import INTERRUPTED, hold_gate
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.lease_document import StopWish
from clmdeploy.changes.ledger import LEFT, UndoScope
from clmdeploy.changes.plan import GateCall, Plan, Step, Target
from clmdeploy.changes.policy import GoOn, Stop, TakeBack, decide
from clmdeploy.changes.settling import settle_unclear, soberly
from clmdeploy.changes.stopping import Stopping
from clmdeploy.changes.superseding import superseded_by
from clmdeploy.changes.world import World
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import LeaseHeld
from clmdeploy.model.value import JsonValue


class Executor:
    """One run of one change by this process."""

    def __init__(self, world: World, log: ChangeLog, lease: Holding, data: DataHold, stopping: Stopping) -> None:
        self.world = world
        self.log = log
        self.lease = lease
        self.data = data
        self.plan: Plan = log.ledger.plan
        self.dispatch = Dispatch(world, log.ledger, log.change, lease.fence)
        self.stopping = stopping
        self.spared: set[str] = set()
        """subjects with which nothing more is done"""
        self.failures: list[Failure] = []
        data.stop_wanted = lambda: stopping.wanted

    def run(self) -> Ending:
        """Do what is left of the plan."""
        for steps in self.plan.sections():
            if self.stopping.pause.is_set() and not self.stopping.abort.is_set() and not self._begun(steps):
                return self._pause()
            ending = self._run_section(steps)
            if ending is not None:
                return ending
        return self._take_back(None) if self.stopping.abort.is_set() else self._close("done")

    def resume(self) -> Ending:
        """Go on in the direction in which the change was going; past a point of no return that is forwards only."""
        scope = self.log.ledger.undo_scope
        if scope == UndoScope() and any(self.log.ledger.irreversible_done()):
            return self.run()
        if scope is not None and not scope.hosts:
            return self._take_back(scope.batch)
        if scope is not None:
            self._leave_out(scope.failed_step, scope.hosts)
        return self.run()

    def abort(self) -> Ending:
        """Take everything back."""
        return self._take_back(None)

    def settle(self) -> Ending:
        """Of a change that is closed: try again to undo what it owes, and nothing else."""
        ledger = self.log.ledger
        if ledger.undo_scope is not None and not ledger.undo_scope.hosts:
            return self._take_back(ledger.undo_scope.batch)
        self._leave_out("", owed_hosts(ledger))
        return self._close("done")

    def spare(self, subjects: Collection[str], why: Outcome | None = None) -> None:
        """Do nothing more with these in this run; the rest goes on."""
        if subjects:
            self.spared |= {*subjects}
            told = why or _OVERTAKEN
            self.failures += [_failure(step, one, told) for step, one in self._left() if one.subject in subjects]
            self._leave_out("", subjects)

    def _left(self) -> Iterator[tuple[Step, Target]]:
        """What has no way back, and is still to be done."""
        return ((step, one) for step in self.plan.irreversible for one in self.log.ledger.targets(step, *LEFT))

    def _make_way(self, wish: StopWish) -> Ending | None:
        """Somebody has asked for it. Nothing then waits for a decision: it is taken back, or ended without the rest."""
        why = _made_way(wish)
        if any(self.log.ledger.irreversible_done()):
            self.spare({target.subject for _, target in self._left()} - self.spared, why)
            return None
        step = next(one for one in self.plan.steps if self.log.ledger.targets(one, *LEFT))
        self.failures += [_failure(step, one, why) for one in self.log.ledger.targets(step, *LEFT)]
        return self._take_back(None)

    def _run_section(self, steps: Sequence[Step]) -> Ending | None:
        again = self._is_doubtful(steps)
        for step in steps:
            if self.stopping.abort.is_set():
                return self._take_back(None)
            wish = self.lease.stop_wish
            ended = self._make_way(wish) if wish is not None and self.log.ledger.targets(step, *LEFT) else None
            if ended is not None:
                return ended
            try:
                failed = self._advance(step, again=again)
            except LeaseHeld as held:
                return self._wait_for_data(step, held)
            if self._interrupted_in(step, failed):
                return self._take_back(None) if self.stopping.abort.is_set() else self._pause()
            if not failed or not step.essential:
                continue
            match decide(self.plan, step, failed, self.log.ledger.dropped):
                case GoOn(without=hosts):
                    self._leave_out(step.id, hosts)
                case TakeBack(only_batch=batch):
                    return self._take_back(batch)
                case Stop():
                    return self._close("stopped")
        return None

    def _begun(self, steps: Sequence[Step]) -> bool:
        """Whether hosts may stand between two steps, drained: then this section is finished first."""
        return any(self.log.ledger.acted(step) for step in steps)

    def _interrupted_in(self, step: Step, failed: set[str]) -> bool:
        """Whether a gate ended because somebody wants to stop: that is no failure."""
        return bool(failed) and isinstance(step.action, GateCall) and self.stopping.wanted and not self._answered(step)

    def _answered(self, step: Step) -> bool:
        return any(self.log.ledger.outcomes[step.id, one.key] != INTERRUPTED for one in step.targets)

    def _is_doubtful(self, steps: Sequence[Step]) -> bool:
        """Whether what was done here may have been followed by what nobody knows of: a host drained, and undrained."""
        ledger = self.log.ledger
        return ledger.shipped_in_part and any(ledger.targets(step, "pending") for step in steps)

    def _advance(self, step: Step, *, again: bool = False) -> set[str]:
        """Bring the step to done on every target that is left, or on all of them; the hosts where that failed."""
        ledger = self.log.ledger
        left = ledger.targets(step, *LEFT, *(("done",) if again else ()))
        targets = tuple(target for target in left if target.subject not in self.spared)
        if not targets:
            return set()
        self.lease.check()
        self.data.around(step)
        self._record("step-started", step.id, {target.key: Outcome(status="unknown") for target in targets})
        outcomes = self._act(step, targets)
        self._record("step-finished", step.id, outcomes)
        failed = [target for target in targets if not outcomes[target.key].is_done]
        self.failures += [_failure(step, target, outcomes[target.key]) for target in failed]
        return {target.subject for target in failed}

    def _act(self, step: Step, targets: Sequence[Target]) -> dict[str, Outcome]:
        if isinstance(step.action, GateCall):
            return hold_gate(self.dispatch, step, targets, self.lease, lambda: self.stopping.wanted)
        outcomes = settle_unclear(self.dispatch, step, targets, self.dispatch.perform(step, targets), "perform")
        return soberly(self.dispatch, step, targets, outcomes)

    def _take_back(self, only_batch: str | None) -> Ending:
        """Undo, newest step first: one batch, or all. What can't be undone is recorded as owed."""
        if only_batch is None and superseded_by(self.plan):  # another one's wreck is no state to go back to
            return self._close("stopped")
        scope = UndoScope(batch=only_batch)
        broken: set[str] = set()
        for step in reversed(self.plan.steps):
            if only_batch is not None and step.batch != only_batch:
                continue
            targets = self.log.ledger.acted(step)
            if targets and step.undo == "irreversible":
                return self._close("stopped")
            broken |= self._undo(step, targets, broken, scope)
        return self._close("partly" if self.log.ledger.anything_changed else "taken-back")

    def _leave_out(self, step_id: str, hosts: Collection[str]) -> None:
        """Take the failed hosts back alone, and go on without them."""
        scope = UndoScope(hosts=tuple(sorted(hosts)), failed_step=step_id)
        broken: set[str] = set()
        for step in reversed(self.plan.steps):
            if not step.whole_fleet:
                targets = [one for one in self.log.ledger.acted(step) if one.subject in hosts]
                broken |= self._undo(step, targets, broken, scope)
        self._record("host-dropped", step_id, detail={"hosts": sorted(hosts)})

    def _undo(self, step: Step, targets: Sequence[Target], broken: set[str], scope: UndoScope) -> set[str]:
        """Undo one step; the hosts where that failed. A host whose later undo failed is left as it is, on purpose."""
        if step.undo == "tidy":  # where a later undo is owed, it is tidied when that has been settled
            targets = [target for target in targets if target.subject not in broken]
        if not targets or step.undo not in ("restore", "tidy"):
            return set()
        self.lease.check()
        stuck = self._stuck(step, targets, broken)
        begun = {target.key: Outcome(status="unknown") for target in targets}
        self._record("undo-started", step.id, begun, scope.model_dump(mode="json"))
        free = [target for target in targets if target.key not in stuck]
        done = settle_unclear(self.dispatch, step, free, self.dispatch.restore(step, free), "restore") if free else {}
        outcomes = stuck | done
        self._record("undo-finished", step.id, outcomes)
        failed = [target for target in targets if not outcomes[target.key].is_done]
        if step.undo == "tidy":
            return set()
        self.failures += [_failure(step, one, outcomes[one.key], "undo: ") for one in failed if one.key not in stuck]
        return {target.subject for target in failed}

    def _stuck(self, step: Step, targets: Sequence[Target], broken: set[str]) -> dict[str, Outcome]:
        """Targets whose undo has to wait: for a later undo of theirs, or for whoever holds the data."""
        try:
            self.data.around(step)
        except LeaseHeld as held:
            self.failures += [_failure(step, one, _refusal(held), "undo: ") for one in targets]
            return {one.key: _refusal(held) for one in targets}
        return {one.key: _STUCK for one in targets if one.subject in broken or (step.whole_fleet and broken)}

    def _record(
        self,
        kind: EventKind,
        step: str = "",
        outcomes: Mapping[str, Outcome] | None = None,
        detail: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Into the journal first; who watches hears it after."""
        self.world.watcher.on_event(self.log.append(kind, step, outcomes, detail))

    def _wait_for_data(self, step: Step, held: LeaseHeld) -> Ending:
        """Somebody else works on the data: nothing is drained here, and the rest can wait."""
        self.failures += [_failure(step, one, _refusal(held)) for one in step.targets]
        return self._pause()

    def _pause(self) -> Ending:
        self._record("paused")
        return Ending(change=self.log.change, state="paused", failures=tuple(self.failures))

    def _close(self, state: ClosedState) -> Ending:
        ledger = self.log.ledger
        owed = owed_hosts(ledger)
        ending = Ending(
            change=self.log.change, state=state, failures=tuple(self.failures), owed=owed,
            dropped=tuple(sorted(ledger.dropped)), changed=ledger.anything_changed,
        )  # fmt: skip
        self._record("closed", detail={"state": state, "owed": list(owed), "changed": ledger.anything_changed})
        return ending


_STUCK = Outcome(
    status="failed",
    message=Bilingual(
        "left as it is, on purpose: a later undo of this host could not run",
        "намеренно оставлено как есть: более поздний откат на этом узле выполнить не удалось",
    ),
)


_OVERTAKEN = Outcome(
    status="refused", acted=False,
    message=Bilingual(
        "left alone: what was planned is not to be done any more as things stand now",
        "не тронуто: при нынешнем положении дел запланированное выполнять нельзя",
    ),
)  # fmt: skip


def _made_way(wish: StopWish) -> Outcome:
    who = wish.who.principal
    message = Bilingual(
        f"stopped to make way: {who} asked for it ({wish.reason})",
        f"остановлено, чтобы уступить: просит {who} ({russian(wish.reason)})",
    )
    return Outcome(status="refused", message=message, acted=False)


def _refusal(held: LeaseHeld) -> Outcome:
    return Outcome(status="refused", message=held.message, acted=False)


def _failure(step: Step, target: Target, outcome: Outcome, prefix: str = "") -> Failure:
    return Failure(step=prefix + step.title, host=target.subject, status=outcome.status, message=outcome.message)
