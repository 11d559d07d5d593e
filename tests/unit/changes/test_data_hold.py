"""The data lease: a backup blocks no rollout, and a rollout no backup but while it migrates."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from clmdeploy.adapters.clock import SystemClock
from clmdeploy.changes.data_hold import DataHold
from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.held_lease import HeldLease
from clmdeploy.changes.plan import Plan, Policy, Step, Target, TaskCall
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ExitCode, LeaseHeld

from .conftest import NEW, Stage, make_plan, prepared
from .test_executor import failing

BACKUP = Request("data", Who(principal="timer", user="u", host="backup1"), "", "nightly backup", yields=True)


def held(stage: Stage, scope: str = "data") -> bool:
    standing = stage.conductor().leases.read(scope)  # type: ignore[arg-type]
    return standing is not None and standing[0].held


@pytest.fixture
def backup(stage: Stage) -> HeldLease:
    """Under way; whoever uses this ends it."""
    return stage.conductor().leases.acquire(BACKUP)


def alive(stage: Stage, running: list[HeldLease]) -> None:
    """Whoever sleeps by the stage's clock sees the heartbeats of `running`: its own thread knows real time only."""
    sleep = stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        for lease in running:
            with lease._lock:
                lease._put(held=True)

    stage.clock.sleep = nap  # type: ignore[method-assign]


def test_a_backup_does_not_block_what_changes_no_data(stage: Stage, backup: HeldLease) -> None:
    """A rollout without migrations never looks at the data lease."""
    assert stage.conductor().begin("c1", stage.signed(make_plan(migrate=False)), "why", 0).state == "done"
    backup.release()


def test_a_migration_is_refused_before_anything_is_done_while_a_backup_runs(stage: Stage, backup: HeldLease) -> None:
    """Who holds the data and why is told; nothing was begun, and the fleet is free again."""
    with pytest.raises(LeaseHeld, match="nightly backup"):
        stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert stage.hosts.log == []
    assert not held(stage, "fleet")
    backup.release()


def test_the_data_is_held_while_it_is_migrated_and_not_longer(stage: Stage) -> None:
    """Staging before and switching after leave it to backups."""
    seen: dict[str, bool] = {}

    def look(act: Guarded) -> None:
        if act.guard == "run":
            seen[act.act] = held(stage)

    stage.hosts.before = look
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert seen == {"stage": False, "migrate": True, "balance": False, "switch": False}


def test_a_change_pauses_when_a_backup_began_after_it(stage: Stage) -> None:
    """The migration's turn comes while a backup runs: paused, nothing drained, and resume goes on from there."""
    running: list[HeldLease] = []
    alive(stage, running)

    def begin_backup(act: Guarded) -> None:
        if act.act == "stage" and not running:
            running.append(stage.conductor().leases.acquire(BACKUP))

    stage.hosts.before = begin_backup
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert (ending.state, ending.exit_code) == ("paused", ExitCode.PAUSED)
    assert "nightly backup" in ending.failures[0].message
    assert "perform migrate app1" not in stage.hosts.log
    running.pop().release()
    assert stage.conductor().resume("c1", "go on").state == "done"


def test_an_undo_of_a_migration_that_a_backup_hinders_is_owed(stage: Stage) -> None:
    """The rest goes back; the schema is settled by abort once the backup has ended."""
    running: list[HeldLease] = []
    alive(stage, running)

    def begin_backup(act: Guarded) -> None:
        if act.act == "switch" and not running:
            running.append(stage.conductor().leases.acquire(BACKUP))

    stage.hosts.before = begin_backup
    stage.hosts.verdict = failing("app2", "switch")
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert (ending.state, ending.owed) == ("partly", ("app1",))
    assert stage.hosts.host("app2").current != NEW
    running.pop().release()
    stage.hosts.before = stage.hosts.verdict = lambda _act: None
    assert stage.conductor().abort("c1", "settle").state == "taken-back"
    assert stage.hosts.schema["version"] == 1


def test_a_backup_that_is_asked_makes_way(stage: Stage) -> None:
    """It sees who asks and why, and the rollout goes on when it has ended."""
    backup = stage.conductor().leases.acquire(BACKUP)
    sleep = stage.clock.sleep

    def nap(seconds: float) -> None:
        sleep(seconds)
        standing = stage.conductor().leases.read("data")
        if standing and standing[0].held and (wish := stage.conductor().leases.stop_wish(standing[0])):
            assert wish.reason == "why"
            backup.release()

    stage.clock.sleep = nap  # type: ignore[method-assign]
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0, stop_backup=True)
    assert ending.state == "done"


def expiry() -> Plan:
    """Mark, then drop, then strike off, on app1."""
    steps = []
    for name, undo in (("mark", "restore"), ("drop", "irreversible"), ("log", "irreversible"), ("finish", "nothing")):
        target = Target(host="app1", subject="clm" if undo == "irreversible" else "app1")
        steps.append(
            Step.model_validate({
                "id": name, "stage": name, "title": name, "undo": undo, "whole_fleet": target.subject == "app1",
                "action": TaskCall(act="expire"), "targets": (target,), "timeout": 10,
            })
        )  # fmt: skip
    return make_plan().model_copy(
        update={"kind": "expire", "steps": tuple(steps), "policy": Policy(on_failure="tolerate", tolerate=1)}
    )


@pytest.mark.parametrize(
    ("asked_in", "state", "acts"),
    [
        ("mark", "taken-back", ["perform mark", "restore mark"]),
        ("drop", "done", ["perform mark", "perform drop", "perform finish"]),
    ],
)
def test_work_on_the_data_makes_way_between_its_steps(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, asked_in: str, state: str, acts: list[str]
) -> None:
    """Whoever asks gets the data while the act under way is over; and nobody has to decide on what was stopped."""
    monkeypatch.setattr(stage, "clock", SystemClock())
    stage.time_to_live = 2
    waiting, done = threading.Event(), list[str]()

    def rollback() -> None:
        request = Request("fleet", Who(principal="admin", user="u", host="c"), "c2", "it burns")
        data = DataHold(stage.conductor().leases, request, stop_backup=True)
        data.await_free(make_plan())
        waiting.set()

    asking = threading.Thread(target=rollback)

    def work(acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        for act in acts:
            if act.guard == "run":
                name = act.unit.split("-")[2]
                done.append(f"{act.verb} {name}")
                if (act.verb, name) == ("perform", asked_in):
                    asking.start()
                    time.sleep(2.5)  # some heartbeats
            listen(act.key, Outcome(status="done", result={"state": "done"}))
        return {act.key: Outcome(status="done", result={"state": "done"}) for act in acts}

    monkeypatch.setattr(stage.hosts, "perform", work)
    conductor = stage.conductor(scope="data")
    ending = conductor.begin("c1", stage.signed(expiry()), "nightly", 0)
    assert (ending.state, done) == (state, acts)
    assert "it burns" in ending.failures[0].message
    asking.join(20)
    assert waiting.is_set()
    conductor.refuse_open()


def test_a_data_lease_of_a_lost_control_node_is_given_back_by_abort() -> None:
    """Cut off in the middle of a migration: both leases are free afterwards."""
    stage = prepared(Stage())
    held_leases: list[HeldLease] = []

    def cut(act: Guarded) -> None:
        if act.act == "migrate":
            raise RuntimeError("the control node is gone")

    stage.hosts.before = cut
    release, HeldLease.release = HeldLease.release, lambda lease: held_leases.append(lease)  # type: ignore[method-assign]
    try:
        with pytest.raises(RuntimeError):
            stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    finally:
        HeldLease.release = release  # type: ignore[method-assign]
    for lease in held_leases:
        lease._stop.set()
    stage.hosts.before = lambda _act: None
    assert held(stage, "data")
    assert stage.conductor("second").abort("c1", "give up").state == "taken-back"
    assert not held(stage, "data")
    assert not held(stage, "fleet")
