"""Drift: what differs between the moment when a plan was made and now."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.changes.plan import Plan
from clmdeploy.model.errors import HostUnreachable, InvalidInput
from clmdeploy.model.facts import FleetFacts
from clmdeploy.planners.deploy import plan_deploy
from clmdeploy.planners.drift import (
    fleet_drift,
    input_drift,
    is_fulfilled,
    refuse_drift,
    refuse_other_environment,
)

from .conftest import NOW, SETTINGS, fleet, migration, release, wish

OLD, NEW = release("1.0.0", needs=1, migrations=[migration(1)]), release("1.1.0", needs=1, migrations=[migration(1)])
SAME = fleet(OLD, schema=1)


def plan() -> Plan:
    return plan_deploy(wish(NEW, SAME), NOW)


def test_nothing_drifts_by_itself() -> None:
    """The same facts and inputs are no drift."""
    assert (fleet_drift(plan(), SAME), input_drift(plan(), plan().inputs)) == ([], [])
    refuse_drift(plan(), [], SAME)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (fleet(NEW, schema=1), ["app1: runs 1.1.0-", "app2: ", "app3: ", "worker1: "]),
        (fleet(schema=1), ["app1: runs nothing, the plan expects 1.0.0-", "app2: ", "app3: ", "worker1: "]),
        (fleet(OLD, schema=2), ["schema: version 2, the plan expects version 1"]),
        (fleet(OLD, schema=1, dirty=True), ["schema: version 1 (dirty), the plan expects version 1"]),
        (fleet(OLD), ["schema: no schema, the plan expects version 1"]),
        (fleet(OLD, apps=2, schema=1), ["app3: hosts.yml has no such host any more"]),
    ],
)
def test_every_difference_is_told(found: FleetFacts, words: list[str]) -> None:
    """One line each: what is, and what the plan expects."""
    told = fleet_drift(plan(), found)
    assert [line[: len(word)] for line, word in zip(told, words, strict=True)] == words


def test_a_silent_host_is_no_drift_but_refuses() -> None:
    """Nobody knows what runs there: it is named as silent, and not as different."""
    silent = fleet(OLD, reachable=False)
    assert fleet_drift(plan(), silent) == []
    with pytest.raises(HostUnreachable, match="app1"):
        refuse_drift(plan(), [], silent)


@pytest.mark.parametrize("name", ["settings", "release"])
def test_a_changed_input_is_named(name: str) -> None:
    """Also one that has vanished, or that the plan did not know."""
    changed: list[dict[str, Any]] = [
        plan().inputs | {name: "other"}, {key: value for key, value in plan().inputs.items() if key != name},
        plan().inputs | {"more": "x"},
    ]  # fmt: skip
    assert [len(input_drift(plan(), inputs)) for inputs in changed] == [1, 1, 1]
    with pytest.raises(InvalidInput, match=name):
        refuse_drift(plan(), input_drift(plan(), changed[0]), SAME)


def test_a_plan_of_another_environment_is_refused() -> None:
    """By its name, and by the UUID behind the name."""
    refuse_other_environment(plan(), "test", SETTINGS["uuid"])
    for name, identity in (("other", SETTINGS["uuid"]), ("test", "0" * 36)):
        with pytest.raises(InvalidInput):
            refuse_other_environment(plan(), name, identity)


def test_a_plan_is_fulfilled_when_every_host_runs_its_release() -> None:
    """All of them, and all answer."""
    assert is_fulfilled(plan(), fleet(NEW, schema=1))
    assert not is_fulfilled(plan(), SAME)
    assert not is_fulfilled(plan(), fleet(NEW, reachable=False))
