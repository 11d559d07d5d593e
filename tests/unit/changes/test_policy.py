"""What a failure means, as a table."""

from __future__ import annotations

import pytest

from clmdeploy.changes.plan import Policy
from clmdeploy.changes.policy import Decision, GoOn, Stop, TakeBack, decide

from .conftest import make_plan

STAGE, MIGRATE, SWITCH1, SWITCH2 = "stage", "expand-2", "batch-1-switch", "batch-2-switch"
ONE = Policy(on_failure="tolerate", tolerate=1)


@pytest.mark.parametrize(
    ("policy", "step", "failed", "dropped", "decision"),
    [
        (Policy(on_failure="stop"), SWITCH1, {"app1"}, set(), Stop()),
        (Policy(on_failure="take-back-all"), SWITCH2, {"app2"}, set(), TakeBack(None)),
        (Policy(on_failure="take-back-batch"), SWITCH2, {"app2"}, set(), TakeBack("batch-2")),
        (Policy(on_failure="take-back-batch"), STAGE, {"app2"}, set(), TakeBack(None)),
        (ONE, SWITCH1, {"app1"}, set(), GoOn(frozenset({"app1"}))),
        (ONE, STAGE, {"app1"}, set(), TakeBack(None)),
        (ONE, STAGE, {"app2"}, set(), GoOn(frozenset({"app2"}))),
        (ONE, SWITCH2, {"app2"}, {"app1"}, TakeBack(None)),
        (ONE, MIGRATE, {"app1"}, set(), TakeBack(None)),
        (Policy(on_failure="tolerate", tolerate=2), SWITCH2, {"app2"}, {"app1"}, TakeBack(None)),
    ],
)
def test_a_failure_means_what_the_policy_says(
    policy: Policy, step: str, failed: set[str], dropped: set[str], decision: Decision
) -> None:
    """Tolerance never covers a step that serves every host, the host that is to take it, nor the loss of all hosts."""
    plan = make_plan(policy=policy)
    assert decide(plan, next(one for one in plan.steps if one.id == step), failed, dropped) == decision
