"""What earlier changes took is read from their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.plan import Plan
from clmdeploy.planners.estimate import Past
from clmdeploy.planners.restore import plan_restore
from clmdeploy.queries.past_runs import past_of, size_of
from tests.unit.planners.test_restore import wanting

WHO = Who(principal="admin@lab", user="u", host="h")
PLAN: Plan = plan_restore(wanting())
CLOSED = ("closed", "", 90, {"state": "done", "owed": [], "changed": True})
WENT_WELL = [
    ("opened", "", 0, {}), ("step-started", "close", 1, {}), ("step-finished", "close", 6, {}),
    ("step-started", "database", 10, {}), ("step-finished", "database", 50, {}),
    ("step-started", "recover", 50, {}), ("step-finished", "recover", 53.5, {}), CLOSED,
]  # fmt: skip


def events(told: Iterable[tuple[Any, ...]]) -> list[Event]:
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    return [
        Event.model_construct(
            environment="lab", change="c", seq=number, previous="", at=(begin + timedelta(seconds=seconds)).isoformat(),
            kind=kind, who=WHO, nonce="n", step=step, outcomes={}, detail=detail,
        )
        for number, (kind, step, seconds, detail) in enumerate(told)
    ]  # fmt: skip


def test_steps_that_move_data_are_told_apart() -> None:
    """Time between steps is nobody's; the size is what the plan says it lays down."""
    assert past_of(PLAN, events(WENT_WELL)) == Past(moving=43.5, other=5, size=size_of(PLAN))
    assert size_of(PLAN) == 2_000_000_000 + 99


@pytest.mark.parametrize(
    "told",
    [
        WENT_WELL[:-1],
        [*WENT_WELL[:-1], ("closed", "", 9, {"state": "taken-back", "owed": [], "changed": False})],
        [WENT_WELL[0], ("paused", "", 5, {}), *WENT_WELL[1:]],
        [WENT_WELL[0], ("taken-over", "", 5, {}), *WENT_WELL[1:]],
    ],
    ids=["open", "taken-back", "paused", "resumed"],
)
def test_only_what_went_through_in_one_go_counts(told: list[tuple[Any, ...]]) -> None:
    """What waited for a person says nothing of how long the work takes."""
    assert past_of(PLAN, events(told)) is None
