"""Scopes: work on the data goes on beside work on what runs."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.plan import EngineCall, Plan, Step, StoreCall, Target, TaskCall, Verdict
from clmdeploy.changes.scopes import scope_of, scope_of_change
from clmdeploy.changes.verification import verify
from clmdeploy.model.errors import OutcomeUnknown
from clmdeploy.model.hosts import Host
from clmdeploy.queries.chains import journal_with, story, summaries, to_settle
from tests.unit.changes.conftest import Stage, make_plan

DEPLOY, BACKUP = "20260101-000000000-deploy-aaaa", "20260101-000000001-backup-bbbb"
HERE = (Target(host="backup1", subject="backup1"),)


def make_backup() -> Plan:
    """An engine's work, and an act on the storage that is told what came of it."""
    steps = (
        Step(id="database", stage="database", title="Database", undo="nothing", targets=HERE,
             action=EngineCall(act="take", arguments={"type": "full"})),
        Step(id="publish", stage="publish", title="Publish", undo="nothing", targets=HERE,
             action=StoreCall(act="publish", uses=("database",))),
    )  # fmt: skip
    return Plan(
        kind="backup", environment="test", environment_id="e", application="x", title="Back up", inputs={},
        hosts=(Host(name="backup1", address="10.0.0.9"),), steps=steps, verdict=Verdict(kind="safe", reason=""),
    )  # fmt: skip


@pytest.fixture
def backup_host(stage: Stage) -> Stage:
    """One that answers every act with a label."""
    stage.hosts.verdict = lambda act: Outcome(status="done", result={"label": act.act})
    return stage


def test_a_backup_goes_on_while_a_deploy_stands_open(backup_host: Stage) -> None:
    """Both have their own lease, journal and numbers."""
    stage = backup_host
    lost = {"yes": True}
    stage.hosts.before = lambda act: _cut(lost, act)
    with pytest.raises(ConnectionError):
        stage.conductor().begin(DEPLOY, stage.signed(make_plan()), "", 0)
    ending = stage.conductor(scope="data").begin(BACKUP, stage.signed(make_backup()), "", 0)
    assert ending.state == "done"
    journals = (stage.journal, stage.journal_of("data"))
    assert {one.id for one in summaries(journals, 5)} == {BACKUP, DEPLOY}
    assert to_settle(journals, None) == DEPLOY
    assert story(journals, None).id == BACKUP
    assert [verify(one) > 0 for one in journals] == [True, True]


def test_an_open_backup_keeps_the_next_backup_waiting_and_no_deploy(stage: Stage) -> None:
    """What was cut off is settled by whoever comes next with the same kind of work."""
    lost = {"yes": True}
    stage.hosts.before = lambda act: _cut(lost, act)
    with pytest.raises(ConnectionError):
        stage.conductor(scope="data").begin(BACKUP, stage.signed(make_backup()), "", 0)
    with pytest.raises(OutcomeUnknown):
        stage.conductor(scope="data").begin(BACKUP + "c", stage.signed(make_backup()), "", 0)
    assert stage.conductor().begin(DEPLOY, stage.signed(make_plan(migrate=False)), "", 0).state == "done"
    journals = (stage.journal, stage.journal_of("data"))
    assert to_settle(journals, None) == BACKUP
    assert stage.conductor(scope="data").resume(BACKUP, "").state == "done"


@pytest.mark.parametrize("way", ["resume", "abort"])
def test_who_goes_on_with_a_backup_keeps_the_lease_that_was_taken_over(backup_host: Stage, way: str) -> None:
    """It is the only one: taken a second time, the first one's next heartbeat would find it lost."""
    stage, lost = backup_host, {"yes": True}
    stage.hosts.before = lambda act: _cut(lost, act)
    with pytest.raises(ConnectionError):
        stage.conductor(scope="data").begin(BACKUP, stage.signed(make_backup()), "", 0)
    tokens: set[int] = set()

    def look(act: Guarded) -> Outcome | None:
        if act.guard != "fence":  # the hosts are fenced while the lease is being taken over
            tokens.add(json.loads(stage.store.get("test/lease/data").body)["token"])
        return _cut(lost, act)

    stage.hosts.before = look
    getattr(stage.conductor(scope="data"), way)(BACKUP, "")
    assert tokens == {2}


def test_a_step_is_told_what_the_steps_before_it_found(backup_host: Stage) -> None:
    """By step and target, from the journal: another control node can go on."""
    stage = backup_host
    stage.conductor(scope="data").begin(BACKUP, stage.signed(make_backup()), "", 0)
    told = next(act for act in stage.hosts.received if act.act == "publish")
    assert told.arguments["results"] == {"database": {"backup1": {"label": "take"}}}
    assert told.fence.scope == "data"


def test_what_a_lost_act_had_found_is_not_lost_with_its_answer(stage: Stage) -> None:
    """The probe finds it again: the steps after it rest on that."""
    answers = iter([True])

    def lost(act: Guarded) -> Outcome | None:
        if act.guard == "run" and act.act == "take" and next(answers, False):
            raise ConnectionError
        found = Outcome(status="done", result={"state": "done", "label": "F"})
        return found if act.verb == "probe" and act.act == "take" else None

    stage.hosts.before = lost
    with pytest.raises(ConnectionError):
        stage.conductor(scope="data").begin(BACKUP, stage.signed(make_backup()), "", 0)
    assert stage.conductor(scope="data").resume(BACKUP, "").state == "done"
    told = next(act for act in stage.hosts.received if act.act == "publish")
    assert told.arguments["results"]["database"]["backup1"]["label"] == "F"


def test_secrets_are_looked_up_for_each_act_and_not_kept(stage: Stage) -> None:
    """The plan names the setting."""
    named = {"password": "backup.files.passphrase", "own": "backup.files.passphrase#restic/{host}"}
    action = TaskCall(act="arrange", secrets=named)
    step = Step(id="arrange", stage="arrange", title="Arrange", undo="restore", targets=HERE, action=action)
    plan = make_backup().model_copy(update={"kind": "setup", "steps": (step,)})
    stage.conductor().begin("20260101-000000001-setup-bbbb", stage.signed(plan), "", 0)
    (told,) = [act for act in stage.hosts.received if act.act == "arrange"]
    assert told.secrets["password"].reveal() == "backup.files.passphrase"
    assert told.secrets["own"].reveal() == f"backup.files.passphrase#restic/{told.host.name}"
    assert not any(b"passphrase" in stage.store.get(key).body for key in stage.store.keys("") if "/events/" in key)


def test_what_a_step_uses_comes_before_it() -> None:
    """A plan that could not be carried out is no plan."""
    plan = make_backup()
    with pytest.raises(ValidationError, match="no step before it"):
        Plan.model_validate(plan.model_dump() | {"steps": [one.model_dump() for one in reversed(plan.steps)]})


def test_who_holds_the_data_lease_does_not_take_it_again() -> None:
    """It would wait for itself."""
    plan = make_backup()
    with pytest.raises(ValidationError, match="holds already"):
        Plan.model_validate(plan.model_dump() | {"steps": [plan.steps[0].model_dump() | {"data": True}]})


@pytest.mark.parametrize(
    ("change", "scope"),
    [(DEPLOY, "fleet"), (BACKUP, "data"), ("20260101-000000001-expire-bbbb", "data"), ("x", "fleet")],
)
def test_the_id_of_a_change_tells_its_scope(change: str, scope: str) -> None:
    """Nothing need be read to find it."""
    assert scope_of_change(change) == scope


def test_a_restore_has_the_fleet() -> None:
    """It takes the data lease on top, for its steps."""
    assert scope_of("restore") == "fleet"


def test_what_is_no_id_is_looked_for_in_the_fleet(stage: Stage) -> None:
    """Where most changes are."""
    journals = (stage.journal, stage.journal_of("data"))
    assert journal_with(journals, "rubbish").scope == "fleet"


def _cut(lost: dict[str, bool], act: Guarded) -> Outcome | None:
    if act.guard == "run" and lost.pop("yes", False):
        raise ConnectionError
    return Outcome(status="done", result={"state": "not-done"}) if act.verb == "probe" else None
