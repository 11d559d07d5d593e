"""Conducts a change from its plan to its end: lease, journal, executor, and the lease given back whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.data_hold import DataHold
from clmdeploy.changes.dispatch import Dispatch
from clmdeploy.changes.ending import Ending
from clmdeploy.changes.events import Who
from clmdeploy.changes.executor import Executor
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ledger import OPEN, Ledger, State
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.scopes import Kind
from clmdeploy.changes.settling import settle, soberly
from clmdeploy.changes.signed_plan import SignedPlan
from clmdeploy.changes.standing_words import (
    closed_words,
    open_words,
    overtaken_hint,
    owed_words,
    passed_words,
    silenced_words,
)
from clmdeploy.changes.stopping import Stopping, heeding_signals
from clmdeploy.changes.superseding import (
    OPEN_STATES,
    gives_way,
    safety_point,
    stands_open,
    supersede,
    superseded_by,
)
from clmdeploy.changes.turns import Request, Turns
from clmdeploy.changes.world import World
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import (
    LeaseHeld,
    NothingChanged,
    OutcomeUnknown,
    PointOfNoReturn,
    StoreUnavailable,
    UsageError,
)
from clmdeploy.model.value import JsonValue

Admission = Callable[[], Mapping[str, JsonValue]]
"""Raises ClmError when the change must not begin; else what the journal is to keep of why it may."""
Review = Callable[[str, Ledger], Collection[str]]
"""Of a change that is to be gone on with, under its lease: subjects with which nothing more may be done, since what was
true when it was planned is true no more. Raises ClmError when it must not be gone on with at all."""

Latest = Callable[[SignedPlan, int], SignedPlan]
"""What was planned before the lease was had; the lease's token → the same, or one that was planned anew."""


@dataclass(frozen=True)
class Conductor:
    """Everything that a run of a change needs beside its plan. The journal's scope is that of its changes."""

    world: World
    journal: Journal
    leases: Turns
    who: Who
    review: Review = lambda _change, _ledger: ()

    def begin(
        self,
        change: str,
        plan: SignedPlan,
        reason: str,
        wait: float,
        *,
        stop_backup: bool = False,
        admit: Admission = dict,
        latest: Latest | None = None,
    ) -> Ending:
        """Apply a new change under the ID `change`. `wait`: seconds to wait for the lease.

        `stop_backup`: ask a backup that is in the way to stop. `admit`: has the last word, when all leases are there.
        `latest`: the plan as it is to be by then.
        Raises what it raises; LeaseHeld; or OutcomeUnknown when an earlier change stands open or a host owes an undo.
        """
        request = self._request(change, reason, wait)
        data = DataHold(self.leases, request, stop_backup=stop_backup)
        data.await_free(plan.plan)  # before the fleet is taken: nobody has to wait for a backup with us
        with self._holding(self.leases.acquire(request), data) as (lease, stopping):
            plan = latest(plan, lease.fence.token) if latest else plan
            self.refuse_unsettled(plan.plan)
            detail = {"reason": reason, "reasons": plan.plan.reasons, "token": lease.fence.token, **admit()}
            lease.check()  # whoever was asleep until here has lost it, and must not write into the journal
            if stopping.wanted:
                raise NothingChanged(Bilingual("stopped before it began", "остановлено, не начавшись"))
            older = superseded_by(plan.plan)
            if older is not None:
                supersede(self.world, self.journal, older, change, self.who, lease)
            log = ChangeLog.opened(self.journal, change, plan, self.who, detail, lease.outlast)
            self.world.watcher.on_opened(log.change, plan.plan)
            return self._run(Executor(self.world, log, lease, data, stopping), Executor.run)

    def resume(self, change: str, reason: str) -> Ending:
        """Go on with an open change from wherever it stands; of a closed one, settle what it owes."""
        return self._continue(change, reason, Executor.resume)

    def abort(self, change: str, reason: str) -> Ending:
        """Take an open change back, as far as its steps allow; of a closed one, settle what it owes and leave the rest.

        Raises PointOfNoReturn.
        """
        self._refuse_passed(change, self._ledger(change), (*OPEN, "failed"))  # these are looked at first
        return self._continue(change, reason, Executor.abort)

    def _refuse_passed(self, change: str, ledger: Ledger, doubtful: Collection[State]) -> None:
        """Raises PointOfNoReturn past a step without a way back; one that is in doubt anywhere is not counted."""
        passed = [step.title for step in ledger.irreversible_done() if not ledger.targets(step, *doubtful)]
        if (passed or superseded_by(ledger.plan)) and ledger.closed in OPEN_STATES:
            safety = safety_point(ledger)
            raise PointOfNoReturn(*passed_words(change, self.journal.environment, passed, safety))

    def _look_again(self, executor: Executor, log: ChangeLog) -> None:
        """What failed half-way and has no way back may have been mended by hand since: then it is undone."""
        for step in log.ledger.plan.irreversible:
            failed = log.ledger.targets(step, "failed")
            answers = executor.dispatch.probe(step, failed) if failed else {}
            clean = [key for key, one in answers.items() if one.is_done and one.result["state"] == "not-done"]
            if clean:
                log.append("undo-started", step.id, dict.fromkeys(clean, Outcome(status="unknown")))
                found = Outcome(status="done", message=Bilingual("found mended", "найдено исправленным"))
                log.append("undo-finished", step.id, dict.fromkeys(clean, found))

    def await_turn(self, wait: float, kind: Kind | None = None) -> None:
        """What `begin` would find in its way, before anything is planned. Takes nothing; raises as `begin` does.

        `kind`: of what is to be planned, which may take the place of one that stands open.
        """
        self.leases.await_free(self.journal.scope, wait)
        newest = self.journal.newest_change()
        if newest is None or not gives_way(self.journal, newest, kind):
            self.refuse_open()

    def refuse_open(self, instead_of: str | None = None) -> None:
        """Raises OutcomeUnknown when the last change stands open, unless it gives way and is the one named."""
        newest = self.journal.newest_change()
        if newest is None or not stands_open(self.journal, newest):
            return
        if newest != instead_of or not gives_way(self.journal, newest, "restore"):
            ledger = self.journal.ledger(newest)
            safety = safety_point(ledger) if gives_way(self.journal, newest, "restore") else None
            raise OutcomeUnknown(*open_words(newest, self.journal.environment, safety))

    def refuse_unsettled(self, plan: Plan) -> None:
        """Raises OutcomeUnknown when the last change stands open, or a host of the plan owes an undo."""
        self.refuse_open(superseded_by(plan))
        owed = self.journal.owed()
        owing = {host.name: owed[host.name] for host in plan.hosts if host.name in owed}
        for host, change in owing.items():
            raise OutcomeUnknown(*owed_words(host, change, self.journal.environment))

    def _request(self, change: str, reason: str, wait: float = 0.0) -> Request:
        """Work on the data alone makes way when it is asked: what runs comes first."""
        scope = self.journal.scope
        return Request(scope, self.who, change, reason, wait, yields=scope == "data")

    def _ledger(self, change: str) -> Ledger:
        ledger = self.journal.ledger(change)
        if ledger.closed not in OPEN_STATES and not list(ledger.owed()):
            raise UsageError(*closed_words(change, self.journal.environment, str(ledger.closed)))
        return ledger

    def _continue(self, change: str, reason: str, act: Callable[[Executor], Ending]) -> Ending:
        self._ledger(change)
        request = self._request(change, reason)
        data = DataHold(self.leases, request)
        with self._holding(self.leases.take_over(request), data) as (lease, stopping):
            ledger = self._ledger(change)
            closed = ledger.closed not in OPEN_STATES
            self._fence_hosts(Dispatch(self.world, ledger, change, lease.fence))
            data.inherit()
            goes_on = not closed and act is Executor.resume
            spared = self.review(change, ledger) if goes_on else ()
            detail = {"reason": reason, "token": lease.fence.token}
            log = ChangeLog.taken_over(self.journal, change, self.who, detail, lease.outlast)
            self.world.watcher.on_opened(log.change, log.ledger.plan)
            executor = Executor(self.world, log, lease, data, stopping)
            self._settle(executor, log)
            if act is Executor.abort and not closed:
                self._look_again(executor, log)
                self._refuse_passed(change, log.ledger, OPEN)
            executor.spare(spared)
            return self._run(executor, Executor.settle if closed else act)

    def _fence_hosts(self, dispatch: Dispatch) -> None:
        """Raises LeaseHeld when every host that answers listens to somebody else: then nothing can be settled."""
        outcomes = dispatch.fence_hosts()
        refused = [outcome.complaint(name) for name, outcome in outcomes.items() if outcome.status == "refused"]
        if refused and not any(outcome.is_done for outcome in outcomes.values()):
            raise LeaseHeld(lines(refused), overtaken_hint(self.journal.environment))

    def _settle(self, executor: Executor, log: ChangeLog) -> None:
        """Find out what became of acts whose result was never written, and write it."""
        for step in log.ledger.plan.steps:
            acted = log.ledger.targets(step, "running", "unknown")
            if acted:
                found = settle(executor.dispatch, step, acted, "perform")
                log.append("step-finished", step.id, soberly(executor.dispatch, step, acted, found))
            undone = log.ledger.targets(step, "undoing")
            if undone:
                found = settle(executor.dispatch, step, undone, "restore")
                # Tidying up that was cut off is not given up on: what is not known to be done stays begun, and follows.
                told = {key: one for key, one in found.items() if one.is_done} if step.undo == "tidy" else found
                if told:
                    log.append("undo-finished", step.id, told)

    @contextmanager
    def _holding(self, lease: Holding, data: DataHold) -> Iterator[tuple[Holding, Stopping]]:
        """Both leases are given back whatever happens, the inner one first; no signal comes between."""
        with heeding_signals(self.world.watcher.on_stop_wanted) as stopping:
            try:
                yield lease, stopping
            finally:
                try:
                    data.close()
                finally:
                    lease.release()

    def _run(self, executor: Executor, act: Callable[[Executor], Ending]) -> Ending:
        """Storage that falls silent now leaves the change open: whatever it raises, nobody may call it unchanged."""
        try:
            return act(executor)
        except StoreUnavailable as error:
            words = silenced_words(executor.log.change, self.journal.environment, error.message)
            raise OutcomeUnknown(*words) from error


def new_change_id(now: datetime, kind: str, nonce: str) -> str:
    """Like 20260131-235959042-deploy-b7fc: IDs sort by the time of their making, to the millisecond, in UTC."""
    return f"{now:%Y%m%d-%H%M%S}{now.microsecond // 1000:03d}-{kind}-{nonce}"
