"""Gates: a read-only question that must be answered well for a while before the change goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clmdeploy.changes.dispatch import Dispatch
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.plan import GateCall, Step, Target
from clmdeploy.model.bilingual import Bilingual

INTERVAL = 2.0
INTERRUPTED = Outcome(
    status="refused", message=Bilingual("interrupted by the administrator", "прервано администратором"), acted=False
)


def hold_gate(
    dispatch: Dispatch, step: Step, targets: Sequence[Target], lease: Holding, interrupted: Callable[[], bool]
) -> dict[str, Outcome]:
    """Ask at once, then every `INTERVAL` seconds until the gate's time is over; the first bad answer ends it.

    When somebody wants to stop, the gate counts as not held: it is held again from its beginning later.
    """
    assert isinstance(step.action, GateCall)  # noqa: S101  # the executor dispatches on the type
    clock = dispatch.world.clock
    end = clock.monotonic() + step.action.seconds
    while True:
        lease.check()
        if interrupted():
            return {target.key: INTERRUPTED for target in targets}
        outcomes = dispatch.ask(step, targets)
        if not all(outcome.is_done for outcome in outcomes.values()) or clock.monotonic() >= end:
            return outcomes
        clock.sleep(max(0.0, min(INTERVAL, end - clock.monotonic())))
