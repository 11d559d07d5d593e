"""The conductor: what stands in the way of a change, and what a dead control node leaves behind."""

from __future__ import annotations

import pytest

from clmdeploy.changes.conductor import Conductor
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.model.errors import LeaseHeld, OutcomeUnknown

from .conftest import Stage, make_plan


@pytest.fixture
def unreleased(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control nodes die before they give the lease back."""
    monkeypatch.setattr(HeldLease, "release", lambda lease: (lease._stop.set(), lease._thread.join()))


@pytest.mark.usefixtures("unreleased")
def test_a_lease_that_a_finished_change_never_gave_back_is_free_once_it_has_expired(stage: Stage) -> None:
    """The change is closed: there is nothing to resume or abort, so nobody may be sent there."""
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    with pytest.raises(LeaseHeld):
        stage.conductor("second").begin("c2", stage.signed(make_plan()), "why", 0)
    stage.conductor("second").begin("c2", stage.signed(make_plan()), "why", 2000)
    assert stage.journal.newest_change() == "c2"


@pytest.mark.usefixtures("unreleased")
def test_a_lease_of_a_change_that_never_began_is_free_once_it_has_expired(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its control node died between taking the lease and the first event."""
    conductor, plan = stage.conductor(), stage.signed(make_plan())
    with monkeypatch.context() as patched:
        patched.setattr(Conductor, "refuse_unsettled", died)
        with pytest.raises(RuntimeError):
            conductor.begin("c1", plan, "why", 0)
    stage.conductor("second").begin("c2", stage.signed(make_plan()), "why", 2000)
    assert stage.journal.newest_change() == "c2"


def died(_conductor: object, _plan: object) -> None:
    raise RuntimeError("the control node is gone")


@pytest.mark.usefixtures("unreleased")
def test_a_lease_of_an_open_change_is_never_free(stage: Stage) -> None:
    """Who waits for it is told to resume or abort that change, and may do so although another lease stands."""
    stage.hosts.before = lambda act: died(None, None) if act.act == "migrate" else None
    with pytest.raises(RuntimeError):
        stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    stage.hosts.before = lambda _act: None
    with pytest.raises(OutcomeUnknown, match="c1"):
        stage.conductor("second").begin("c2", stage.signed(make_plan()), "why", 2000)
    assert stage.conductor("second").abort("c1", "give up").state == "taken-back"
