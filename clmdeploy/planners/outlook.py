"""What is told beside a plan, before somebody says yes: how long it may take, and what it would lose.

It changes by the second, so it is no part of the plan, whose digest is what is signed and approved.
"""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.changes.plan import Plan
from clmdeploy.model.value import Value
from clmdeploy.planners.estimate import Estimate
from clmdeploy.planners.loss import Loss


class Outlook(Value):
    """Nothing where nobody asked."""

    estimate: Estimate | None = None
    loss: Loss | None = None


@dataclass(frozen=True)
class Foreseen:
    """A plan, and its outlook."""

    plan: Plan
    outlook: Outlook
