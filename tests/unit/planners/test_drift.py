"""Drift: what differs between the moment when a plan was made and now."""

from __future__ import annotations

import pytest

from clmdeploy.changes.plan import Plan
from clmdeploy.model.facts import FleetFacts
from clmdeploy.planners.deploy import plan_deploy
from clmdeploy.planners.drift import fleet_drift

from .conftest import NOW, fleet, host, migration, release, wish

ONE, TWO = release("1.0.0", needs=1, migrations=[migration(1)]), release("1.1.0", needs=1, migrations=[migration(1)])
FLEET = fleet(ONE, schema=1)


def plan() -> Plan:
    return plan_deploy(wish(TWO, FLEET), NOW)


def servers(**states: str) -> FleetFacts:
    """The fleet with some servers in another state."""
    changed = (one.model_copy(update={"state": states.get(one.server, one.state)}) for one in FLEET.servers)
    return FLEET.model_copy(update={"servers": tuple(changed)})


def test_what_has_not_changed_is_no_drift() -> None:
    """The same facts, asked again."""
    assert fleet_drift(plan(), FLEET) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (FLEET.model_copy(update={"hosts": (host("app1", "app", TWO), *FLEET.hosts[1:])}), "app1: runs 1.1.0-"),
        (FLEET.model_copy(update={"hosts": FLEET.hosts[1:]}), "app1: hosts.yml has no such host"),
        (fleet(ONE, schema=2), "schema: version 2, the plan expects version 1"),
        (servers(app2="maint"), "lb1:clm_web/app2: is maint, the plan expects ready"),
        (FLEET.model_copy(update={"servers": FLEET.servers[1:]}), "lb1:clm_web/app1: is unknown to the balancer"),
    ],
    ids=["other release", "host gone", "schema moved", "out of rotation", "server gone"],
)
def test_whatever_the_plan_rests_on_is_compared(now: FleetFacts, words: str) -> None:
    """Each difference is told with what is and what was expected."""
    (line,) = fleet_drift(plan(), now)
    assert line.startswith(words)


def test_a_server_that_is_back_in_rotation_is_drift() -> None:
    """The plan would switch it without draining it."""
    made = plan_deploy(wish(TWO, servers(app2="maint")), NOW)
    assert fleet_drift(made, FLEET) == ["lb1:clm_web/app2: is ready, the plan expects maint"]


def test_a_silent_balancer_is_no_drift() -> None:
    """It is told as silent, once."""
    lb1 = FLEET.hosts[-1].model_copy(update={"reachable": False})
    assert fleet_drift(plan(), FleetFacts(hosts=(*FLEET.hosts[:-1], lb1))) == []
