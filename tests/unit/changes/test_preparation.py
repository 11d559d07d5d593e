"""Preparing hosts: nobody else acts meanwhile, and the outcome is told as it is."""

from __future__ import annotations

import pytest

from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.lease_document import HOST_SETUP
from clmdeploy.changes.preparation import Preparation, nobody_else
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ExitCode, LeaseHeld, OutcomeUnknown
from tests.unit.changes.conftest import FakeClock, Stage

WHO = Who(principal="admin", user="u", host="control")


def done(changed: int) -> Outcome:
    return Outcome(status="done", result={"changed": changed})


@pytest.fixture
def leases(stage: Stage) -> Leases:
    return Leases(stage.store, "test", stage.clock, 600)


def test_the_lease_is_given_back_whatever_happens(leases: Leases) -> None:
    """Also after a failure."""
    with pytest.raises(ValueError, match="broke"), nobody_else(leases, WHO, 0):
        raise ValueError("it broke")
    standing = leases.read("fleet")
    assert standing is not None
    assert not standing[0].held


def test_a_change_under_way_is_not_disturbed(leases: Leases) -> None:
    """Exit code 6, naming who is at work."""
    other = leases.acquire(Request("fleet", WHO, "20260101-deploy", "a deploy"))
    with pytest.raises(LeaseHeld, match="a deploy"), nobody_else(leases, WHO, 0):
        pass
    other.release()


def test_a_setup_that_was_cut_off_is_taken_over(stage: Stage, leases: Leases) -> None:
    """By running it again; others are told that very command, once the lease has expired."""
    cut_off = leases.acquire(Request("fleet", WHO, HOST_SETUP, "host setup"))
    cut_off._stop.set()  # its process died: no heartbeat, never released
    cut_off._thread.join()
    with pytest.raises(OutcomeUnknown, match="cut off") as caught:
        Leases(stage.store, "test", FakeClock(), 600).acquire(Request("fleet", WHO, "c", "a deploy", wait=1000))
    assert "clmdeploy host setup -e test" in caught.value.hint
    with nobody_else(leases, WHO, 0):
        standing = leases.read("fleet")
        assert standing is not None
        assert standing[0].token == 2


def test_failures_name_hosts_and_the_next_command() -> None:
    """Partly when others were changed, else as if nothing had happened."""
    broken = Outcome(status="failed", message="no sudo")
    partly = Preparation("lab", {"app1": done(3), "app2": broken, "app3": broken}).failure()
    assert partly is not None
    assert partly.exit_code == ExitCode.FAILED_PARTLY
    assert partly.message == "app2: no sudo\napp3: no sudo"
    assert partly.hint.endswith("clmdeploy host setup -e lab --limit app2,app3")
    unchanged = Preparation("lab", {"app1": done(0), "app2": broken}).failure()
    assert unchanged is not None
    assert unchanged.exit_code == ExitCode.FAILED_UNCHANGED
    assert Preparation("lab", {"app1": done(3)}).failure() is None
