"""After a change: what runs where, is that safe, and the one command to type next."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.changes.ending import Ending
from clmdeploy.changes.plan import Plan
from clmdeploy.model.errors import (
    ClmError,
    ExitCode,
    HeldByHand,
    LeaseHeld,
    OutcomeUnknown,
    PointOfNoReturn,
    StoreUnavailable,
)
from clmdeploy.model.facts import SchemaState
from clmdeploy.planners.deploy import plan_deploy
from clmdeploy.planners.rollback import plan_rollback
from clmdeploy.queries.aftermath import Again, Behind, after_ending, after_success, after_trouble, concerns
from clmdeploy.queries.status import describe_fleet
from tests.unit.planners.conftest import NOW, fleet, release, wish

OLD, NEW = release("1.0.0"), release("1.1.0")
FLEET = describe_fleet(fleet(OLD), "lb")
SILENT = describe_fleet(fleet(OLD, reachable=False), "lb")


def deploy(**changes: Any) -> Plan:
    return plan_deploy(wish(NEW, fleet(OLD)), NOW).model_copy(update=changes)


def rollback() -> Plan:
    return plan_rollback(wish(OLD, fleet(NEW)), NOW)


@pytest.mark.parametrize(
    ("plan", "ending", "passed", "following"),
    [
        (deploy(), {"state": "paused"}, False, "change resume -e test"),
        (deploy(), {"state": "stopped"}, False, "change abort -e test"),
        (deploy(), {"state": "stopped"}, True, "change resume -e test"),
        (deploy(), {"state": "partly", "owed": ("app1",)}, False, "change abort -e test"),
        (deploy(), {"state": "partly"}, False, "rollback --to 1.0.0 -e test"),
        (deploy(from_release=None), {"state": "partly"}, False, "deploy 1.1.0 -e test"),
        (deploy(from_release="1.0.0-a, 1.0.1-b"), {"state": "partly"}, False, "deploy 1.1.0 -e test"),
        (rollback(), {"state": "partly"}, False, "rollback --to 1.0.0 -e test"),
        (deploy(), {"state": "done", "dropped": ("app1",)}, False, "deploy 1.1.0 -e test"),
        (deploy(limit=("app1", "app2")), {"state": "partly"}, False, "rollback --to 1.0.0 -e test --limit app1,app2"),
        (deploy(), {"state": "done", "dropped": ("app1",), "owed": ("app1",)}, False, "change abort -e test"),
        (deploy(), {"state": "taken-back"}, False, "change show c1 -e test"),
    ],
)
def test_every_ending_has_its_next_command(plan: Plan, ending: dict[str, Any], passed: bool, following: str) -> None:
    """Exactly one, without a choice to make at night; past a point of no return only forwards."""
    aftermath = after_ending(Ending(change="c1", **ending), plan, FLEET, Behind(passed))
    assert aftermath.next == following
    assert aftermath.exit_code == Ending(change="c1", **ending).exit_code
    assert aftermath.runs == {OLD.directory: ["app1", "app2", "app3", "worker1"]}


@pytest.mark.parametrize(
    ("error", "change", "state", "code", "following"),
    [
        (LeaseHeld("x"), None, "lease-held", ExitCode.LEASE_HELD, "deploy 1.1.0 -e test --limit app1 --lease-wait 600"),
        (HeldByHand("x"), None, "lease-held", ExitCode.LEASE_HELD, "deploy 1.1.0 -e test --limit app1"),
        (OutcomeUnknown("x"), None, "unknown", ExitCode.UNKNOWN, "change resume -e test"),
        (StoreUnavailable("x"), "c1", "unknown", ExitCode.UNKNOWN, "change resume -e test"),
        (StoreUnavailable("x"), None, "not-begun", ExitCode.FAILED_UNCHANGED, "deploy 1.1.0 -e test --limit app1"),
        (PointOfNoReturn("x"), None, "stopped", ExitCode.FAILED_UNCHANGED, "change resume -e test"),
    ],
)
def test_a_run_that_broke_off(error: ClmError, change: str | None, state: str, code: ExitCode, following: str) -> None:
    """Once a change has begun nobody may call it unchanged, whatever broke it off."""
    aftermath = after_trouble(error, "test", Again("deploy 1.1.0 -e test --limit app1"), FLEET, change)
    assert (aftermath.state, aftermath.exit_code, aftermath.next) == (state, code, following)
    assert aftermath.safe is (state != "unknown")


@pytest.mark.parametrize(("ending", "kinds"), [({"owed": ("app1",)}, ["owed"]), ({}, [])])
def test_what_is_not_safe_is_named(ending: dict[str, Any], kinds: list[str]) -> None:
    """An undo that is owed, and silent hosts, are concerns with names."""
    told = after_ending(Ending(change="c1", state="partly", **ending), deploy(), FLEET, Behind())
    assert (told.safe, [kind for kind, _ in concerns(told)]) == (not kinds, kinds)
    silent = after_ending(Ending(change="c1", state="partly", **ending), deploy(), SILENT, Behind())
    assert concerns(silent)[-1] == ("silent", "app1, app2, app3, worker1")
    assert silent.runs == {}


def test_a_dirty_schema_is_never_safe() -> None:
    """A migration that stands half-done is told, and no command is said to mend it."""
    dirty = FLEET.model_copy(update={"schema_state": SchemaState(version=2, dirty=True)})
    told = after_ending(Ending(change="c1", state="partly"), deploy(), dirty, Behind())
    assert (told.safe, concerns(told)) == (False, [("dirty", "2")])
    assert (told.next, told.message) == ("change show c1 -e test", "")
    told = after_ending(Ending(change="c1", state="partly"), deploy(), dirty, Behind(point="p1"))
    assert "clmdeploy restore p1 -e test" in told.message


def test_work_without_the_storage_is_gone_on_with_from_here() -> None:
    """Its journal is on this control node alone: the next command says so, where it is resume or abort."""
    ending = Ending(change="c1", state="paused")
    aftermath = after_ending(ending, rollback(), FLEET, Behind())
    offline = aftermath.without_storage("test", "all is down")
    assert offline.next == offline.without_storage("test", "").next == "change resume -e test --offline"
    assert after_success(rollback(), "c1").without_storage("test", "").next is None


@pytest.mark.parametrize(
    ("state", "following"),
    [
        ("taken-back", "status -e test --probe"),
        ("partly", "rollback --to 1.0.0 -e test --offline --reason 'all is down'"),
    ],
)
def test_without_the_storage_nothing_is_named_that_needs_it(state: Any, following: str) -> None:
    """The hosts are asked instead of the journal, and a way back is again one without the storage."""
    ended = after_ending(Ending(change="c1", state=state), rollback(), FLEET, Behind())
    assert ended.without_storage("test", "all is down").next == following


def test_success_needs_no_second_look() -> None:
    """The health gates have looked: every host of the plan runs its release."""
    aftermath = after_success(deploy(), "c1")
    assert (aftermath.is_good, aftermath.safe, aftermath.next) == (True, True, None)
    assert aftermath.runs == {NEW.directory: ["app1", "app2", "app3", "worker1"]}
    assert after_success(deploy(), None).state == "nothing-to-do"
