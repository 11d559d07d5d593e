"""What a failure means for the rest of a change. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from clmdeploy.changes.plan import Plan, Step


@dataclass(frozen=True)
class GoOn:
    """Take the failed hosts back, leave them out, and go on with the others."""

    without: frozenset[str]


@dataclass(frozen=True)
class TakeBack:
    """Take back: the batch that failed, or everything."""

    only_batch: str | None


@dataclass(frozen=True)
class Stop:
    """Leave everything as it stands, for a person to look at."""


Decision = GoOn | TakeBack | Stop


def decide(plan: Plan, step: Step, failed: AbstractSet[str], dropped: AbstractSet[str]) -> Decision:
    """`failed`: hosts that failed at `step`; `dropped`: those that were left out before.

    A step that serves every host (a migration) can't be tolerated, nor can the loss of the host that is to take one
    later, nor that of all hosts.
    """
    policy = plan.policy
    if policy.on_failure == "stop":
        return Stop()
    if policy.on_failure == "tolerate" and _tolerable(plan, step, failed, set(dropped) | set(failed)):
        return GoOn(frozenset(failed))
    if policy.on_failure == "take-back-batch" and step.batch:
        return TakeBack(step.batch)
    return TakeBack(None)


def _tolerable(plan: Plan, step: Step, failed: AbstractSet[str], lost: AbstractSet[str]) -> bool:
    ahead = plan.steps[plan.steps.index(step) :]
    needed = {target.subject for one in ahead if one.whole_fleet for target in one.targets}
    subjects = {target.subject for one in plan.steps for target in one.targets if not one.whole_fleet}
    return len(lost) <= plan.policy.tolerate and lost < subjects and not needed & failed
