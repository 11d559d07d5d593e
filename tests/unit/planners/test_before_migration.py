"""No migration without a restore point, unless somebody says why."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.changes.plan import Plan
from clmdeploy.changes.policy import TakeBack, decide
from clmdeploy.model.errors import HostUnreachable, UsageError
from clmdeploy.model.facts import FleetFacts
from clmdeploy.planners.deploy import migrates, plan_deploy
from clmdeploy.planners.rollback import plan_rollback

from . import test_backup as backups
from .conftest import NOW, fleet, migration, release, wish

ONE = release("1.0.0", needs=1, migrations=[migration(1)])
EXPANDED = release("1.2.0", needs=2, migrations=[migration(1), migration(2)])
CONTRACTED = release(
    "2.0.0", needs=2, migrations=[migration(1), migration(2), migration(3, "contract", oldest="2.0.0")]
)
REASON = {"no_restore_point": "the database is a copy"}


def steps(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def deploying(target: Any, found: FleetFacts | None = None, **more: Any) -> Plan:
    return plan_deploy(wish(target, found or fleet(ONE, schema=1), point=backups.wish(), **more), NOW)


def test_the_point_is_made_after_staging_and_before_the_migration() -> None:
    """All before it is harmless to abort; it is made by this very change."""
    plan = deploying(EXPANDED)
    made = [name for name in steps(plan) if name.startswith("point-1-")]
    at = steps(plan).index("point-1-publish")
    assert steps(plan)[0] == "stage"
    assert steps(plan)[1 : at + 1] == made
    assert steps(plan)[at + 1] == "expand-2"
    assert not any(name.startswith("point-2-") for name in steps(plan))
    assert plan.steps[at + 1].action.uses == ("point-1-publish",)  # type: ignore[union-attr]


def test_a_contraction_has_a_point_of_its_own() -> None:
    """Hours may lie between the two, and it is the contraction that has no way back."""
    named = steps(deploying(CONTRACTED))
    assert named.index("point-2-publish") == named.index("contract-3") - 1
    assert named.index("point-1-publish") == named.index("expand-2") - 1


def test_the_data_is_held_for_the_point_and_whoever_makes_it_is_in_the_plan() -> None:
    """A nightly backup is kept away for as long; the hosts are bound with the plan."""
    plan = deploying(EXPANDED)
    made = [step for step in plan.steps if step.id.startswith("point-")]
    assert all(step.data for step in made)
    assert {target.host for step in made for target in step.targets} <= {host.name for host in plan.hosts}


def test_a_failed_point_is_never_tolerated() -> None:
    """Every host rests on it."""
    plan = deploying(EXPANDED, rollout={"on_failure": "tolerate", "tolerate": 2})
    made = next(step for step in plan.steps if step.id == "point-1-database")
    assert decide(plan, made, {made.targets[0].subject}, set()) == TakeBack(None)


def test_a_reason_stands_for_the_point() -> None:
    """It is kept in the plan."""
    plan = deploying(EXPANDED, reasons=REASON)
    assert not any(name.startswith("point-") for name in steps(plan))
    assert plan.reasons == REASON


def test_a_release_without_migrations_makes_none() -> None:
    """Nothing of the data is touched."""
    same = release("1.1.0", needs=1, migrations=[migration(1)])
    assert not migrates(wish(same, fleet(ONE, schema=1)))
    assert not any(name.startswith("point-") for name in steps(deploying(same)))


def test_an_empty_schema_that_nothing_ever_served_needs_none() -> None:
    """The first install has nothing to lose."""
    plan = plan_deploy(wish(ONE, fleet(None, schema=0)), NOW)
    assert "expand-1" in steps(plan)
    assert not any(name.startswith("point-") for name in steps(plan))


def test_without_a_way_to_make_one_a_reason_is_demanded() -> None:
    """The flag is named, and so is the migration."""
    with pytest.raises(UsageError, match="migration 2") as refusal:
        plan_deploy(wish(EXPANDED, fleet(ONE, schema=1)), NOW)
    assert "--no-restore-point" in refusal.value.hint


def test_what_stands_against_a_point_stands_against_the_deploy() -> None:
    """Told while it is planned, not when the hosts are half-way."""
    unready = backups.wish(servers=())
    with pytest.raises(HostUnreachable):
        plan_deploy(wish(EXPANDED, fleet(ONE, schema=1), point=unready), NOW)


def test_a_revert_comes_after_a_point_too() -> None:
    """What was written since would be lost with it."""
    taken = release("1.2.0", needs=2, migrations=[migration(1), migration(2, oldest="1.2.0", revert=["down"])])
    asked = wish(ONE, fleet(taken, schema=2), point=backups.wish(), reasons={"accept_outage": "night"})
    named = steps(plan_rollback(asked, NOW))
    assert named.index("point-1-publish") == named.index("revert-2") - 1
