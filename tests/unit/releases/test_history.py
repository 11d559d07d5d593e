"""The history tells what was truly installed, whatever was planned."""

from __future__ import annotations

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.plan import Policy
from clmdeploy.releases.history import Installation, installation
from tests.unit.changes.conftest import NEW, OLD, Stage, make_plan

BROKEN = Outcome(status="failed", message="it broke")


@pytest.fixture
def stage() -> Stage:
    """Both hosts run the old release."""
    made = Stage()
    for name in ("app1", "app2"):
        made.hosts.host(name).current = OLD
    return made


def told(stage: Stage, policy: Policy | None = None) -> Installation:
    """The story of one deploy, as its journal tells it."""
    signed = stage.signed(make_plan(policy=policy))
    stage.conductor().begin("c1", signed, "a test", 0)
    found = installation("c1", signed.plan, stage.journal.events("c1"))
    assert found is not None
    return found


def failing(stage: Stage, act: str, host: str, guard_verb: str = "perform") -> None:
    def fault(one: Guarded) -> Outcome | None:
        return BROKEN if (one.guard, one.act, one.verb, one.host.name) == ("run", act, guard_verb, host) else None

    stage.hosts.before = fault


def test_a_deploy_that_went_well(stage: Stage) -> None:
    """Who, when, why, on which hosts, and what happened to the schema."""
    one = told(stage)
    assert (one.state, one.release, one.version) == ("done", NEW, "1.1.0")
    assert (one.installed, one.taken_back, one.unclear) == (("app1", "app2"), (), ())
    assert one.schema_changes == ("+2",)
    assert (one.who.principal, one.reason) == ("first", "a test")
    assert one.ended is not None
    assert one.began <= one.ended


def test_a_deploy_that_took_itself_back(stage: Stage) -> None:
    """The attempt is told with the hosts that were switched; in the end nothing is installed."""
    failing(stage, "switch", "app2")
    one = told(stage)
    assert (one.state, one.installed, one.taken_back) == ("taken-back", (), ("app1", "app2"))
    assert one.schema_changes == ()


def test_a_deploy_that_stopped(stage: Stage) -> None:
    """A host where the switch broke is not counted as installed, nor as put back."""
    failing(stage, "switch", "app2")
    one = told(stage, Policy(on_failure="stop"))
    assert (one.state, one.installed, one.unclear) == ("stopped", ("app1",), ("app2",))


def test_a_change_that_stands_open(stage: Stage) -> None:
    """Cut off in the middle: no end, and what is sure so far."""
    signed = stage.signed(make_plan())
    stage.conductor().begin("c1", signed, "a test", 0)
    events = stage.journal.events("c1")
    half = next(n for n, event in enumerate(events) if event.kind == "step-finished" and event.step == "batch-1-switch")
    one = installation("c1", signed.plan, events[: half + 1])
    assert one is not None
    assert (one.state, one.ended, one.installed) == ("open", None, ("app1",))


def test_what_installs_nothing_is_no_history(stage: Stage) -> None:
    """Other kinds of work have their own lists."""
    signed = stage.signed(make_plan())
    stage.conductor().begin("c1", signed, "a test", 0)
    events = stage.journal.events("c1")
    assert installation("c1", signed.plan.model_copy(update={"kind": "setup"}), events) is None
    assert installation("c1", signed.plan, ()) is None
