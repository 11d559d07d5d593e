"""A restore that can't reach its end: another one takes its place, nothing else does, and nobody is locked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.plan import Plan, Policy, Step, Target, TaskCall, Verdict
from clmdeploy.changes.superseding import stands_open
from clmdeploy.model.errors import OutcomeUnknown, PointOfNoReturn
from clmdeploy.model.hosts import Host
from clmdeploy.queries.restore_left import left_behind

from .conftest import Stage, make_plan

STUCK, OTHER, THIRD = (f"20260101-00000{number}000-restore-aa0{number}" for number in range(3))
SAFETY = "20260101-000000000-aa0001"


def restore(instead_of: str | None = None) -> Plan:
    """A safety point, a stop, the database; one that takes another's place makes no safety point."""
    there = (Target(host="db1", subject="db1", before={"state": "running"}),)
    safety = Step(id="safety-publish", stage="safety", title="Publish", undo="nothing", timeout=10, targets=there,
                  action=TaskCall(act="publish"))  # fmt: skip
    stop = Step(id="stop-database", stage="stop", title="Stop", undo="restore", timeout=10, targets=there,
                action=TaskCall(act="cluster"))  # fmt: skip
    database = Step(id="database", stage="database", title="Replace the database", undo="irreversible", timeout=10,
                    targets=there, whole_fleet=True, action=TaskCall(act="database"))  # fmt: skip
    recover = Step(id="recover", stage="database", title="Recover", undo="keep", timeout=10, targets=there,
                   action=TaskCall(act="recovery", arguments={"slots": ["db2"]}))  # fmt: skip
    taken_on = {"supersedes": instead_of, "safety": SAFETY} if instead_of else {}
    policy = Policy(on_failure="stop" if instead_of else "take-back-all")
    return Plan(
        kind="restore", environment="test", environment_id="e", application="x", title="Restore", inputs={},
        hosts=(Host(name="db1", address="192.0.2.1"),), policy=policy,
        steps=((stop, database, recover) if instead_of else (safety, stop, database, recover)), expected=taken_on,
        verdict=Verdict(kind="safe", reason="r"),
    )  # fmt: skip


class Hosts:
    """Do all they are told, but `broken`; what they were told is kept."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.told: list[str] = []

    def perform(self, acts: Iterable[Guarded], listen: Callable[[str, Outcome], None]) -> dict[str, Outcome]:
        outcomes = {act.key: self._outcome(act) for act in acts}
        for key, outcome in outcomes.items():
            listen(key, outcome)
        return outcomes

    def _outcome(self, act: Guarded) -> Outcome:
        self.told.append(f"{act.guard} {act.verb} {act.act}".strip())
        if act.verb == "probe":
            return Outcome(status="done", result={"state": "partial"})
        if act.guard == "run" and act.act == self.broken:
            return Outcome(status="failed", message="checksum error")
        return Outcome(status="done", result={"point": SAFETY} if act.act == "publish" else {})


@pytest.fixture
def stuck(stage: Stage) -> Stage:
    """A restore whose backup is damaged: stopped past its point of no return."""
    stage.hosts = Hosts("database")  # type: ignore[assignment]
    assert stage.conductor().begin(STUCK, stage.signed(restore()), "why", 0).state == "stopped"
    return stage


def mended(stage: Stage) -> None:
    stage.hosts = Hosts("")  # type: ignore[assignment]


def test_another_restore_takes_the_place_of_one_that_cant_reach_its_end(stuck: Stage) -> None:
    """The old one is closed and owes nothing; its hosts hear of nobody but the new one; then work goes on as ever."""
    assert stuck.conductor().resume(STUCK, "once more").state == "stopped"
    mended(stuck)
    assert stuck.conductor().begin(OTHER, stuck.signed(restore(STUCK)), "another", 0).state == "done"
    assert stuck.hosts.told[0] == "fence perform"  # type: ignore[attr-defined]
    assert (stuck.journal.ledger(STUCK).closed, stuck.journal.owed()) == ("superseded", {})
    assert not stands_open(stuck.journal, OTHER)
    assert left_behind(stuck.journal) is None


def test_nothing_but_a_restore_that_says_so_takes_its_place(stuck: Stage) -> None:
    """Who did not plan with what it left behind would start a half restored service; they are told of the way."""
    for plan in (make_plan(), restore()):
        with pytest.raises(OutcomeUnknown) as refused:
            stuck.conductor().begin(OTHER, stuck.signed(plan), "why", 0)
        assert f"clmdeploy restore {SAFETY} -e test" in refused.value.hint
    with pytest.raises(OutcomeUnknown):
        stuck.conductor().await_turn(0)
    stuck.conductor().await_turn(0, "restore")


def test_who_wants_it_taken_back_is_told_of_the_way(stuck: Stage) -> None:
    """By the exact command that brings back what stood before."""
    with pytest.raises(PointOfNoReturn) as refused:
        stuck.conductor().abort(STUCK, "give up")
    assert f"clmdeploy restore {SAFETY} -e test" in refused.value.hint


def test_a_restore_that_can_still_be_taken_back_gives_way_to_nobody(stage: Stage) -> None:
    """Then there is a better way than over it."""
    stage.hosts = Hosts("")  # type: ignore[assignment]
    stage.hosts.perform = _dies_at("cluster", stage.hosts.perform)  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        stage.conductor().begin(STUCK, stage.signed(restore()), "why", 0)
    mended(stage)
    with pytest.raises(OutcomeUnknown):
        stage.conductor().await_turn(0, "restore")
    assert left_behind(stage.journal) is None


def contracting() -> Plan:
    """A deploy that has made its point and moves the schema with no way back."""
    there = (Target(host="db1", subject="db1"),)
    publish = Step(id="point-2-publish", stage="restore-point", title="Publish", undo="nothing", timeout=10,
                   targets=there, action=TaskCall(act="publish"))  # fmt: skip
    migrate = Step(id="contract-5", stage="contract", title="Migrate to 5", undo="irreversible", timeout=10,
                   targets=there, whole_fleet=True, action=TaskCall(act="migrate"))  # fmt: skip
    return restore().model_copy(update={"kind": "deploy", "steps": (publish, migrate)})


def test_a_migration_that_ended_half_way_gives_way_to_the_point_made_before_it(stage: Stage) -> None:
    """That is what the point was made for: the refusals name it, and the restore takes on that hosts were switched."""
    stage.hosts = Hosts("migrate")  # type: ignore[assignment]
    assert stage.conductor().begin(STUCK, stage.signed(contracting()), "why", 0).state == "stopped"
    with pytest.raises(PointOfNoReturn) as passed:
        stage.conductor().abort(STUCK, "give up")
    with pytest.raises(OutcomeUnknown) as open_still:
        stage.conductor().await_turn(0, "deploy")
    for refused in (passed, open_still):
        assert f"clmdeploy restore {SAFETY} -e test" in refused.value.hint
    stage.conductor().await_turn(0, "restore")
    left = left_behind(stage.journal)
    assert left is not None
    assert (left.change, left.primary, left.release, left.safety) == (STUCK, "", True, SAFETY)
    mended(stage)
    assert stage.conductor().begin(OTHER, stage.signed(restore(STUCK)), "back", 0).state == "done"
    assert (stage.journal.ledger(STUCK).closed, stage.journal.owed()) == ("superseded", {})


def _dies_at(act: str, then: Callable[..., dict[str, Outcome]]) -> Callable[..., dict[str, Outcome]]:
    def perform(acts: Iterable[Guarded], listen: Callable[[str, Outcome], None]) -> dict[str, Outcome]:
        wanted = list(acts)
        if any(one.act == act for one in wanted):
            raise RuntimeError("the control node is gone")
        return then(wanted, listen)

    return perform


def test_one_that_fails_before_it_has_done_anything_still_locks_and_still_gives_way(stuck: Stage) -> None:
    """What stands is the first one's wreck: it is no state to go back to, and nobody forgets what it left."""
    stuck.hosts.broken = "cluster"  # type: ignore[attr-defined]
    assert stuck.conductor().begin(OTHER, stuck.signed(restore(STUCK)), "another", 0).state == "stopped"
    with pytest.raises(PointOfNoReturn):
        stuck.conductor().abort(OTHER, "give up")
    left = left_behind(stuck.journal)
    assert left is not None
    assert (left.change, left.primary, left.slots, left.safety) == (OTHER, "db1", ("db2",), SAFETY)
    mended(stuck)
    assert stuck.conductor().begin(THIRD, stuck.signed(restore(OTHER)), "third", 0).state == "done"


def test_one_whose_successor_never_began_stands_open(stuck: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control node died between closing the old one and opening the new one."""
    with monkeypatch.context() as patched:
        patched.setattr("clmdeploy.changes.conductor.ChangeLog.opened", _gone)
        with pytest.raises(RuntimeError):
            stuck.conductor().begin(OTHER, stuck.signed(restore(STUCK)), "another", 0)
    journal: Journal = stuck.journal
    assert journal.ledger(STUCK).closed == "superseded"
    with pytest.raises(OutcomeUnknown):
        stuck.conductor().await_turn(0)
    left = left_behind(journal)
    assert left is not None
    assert left.primary == "db1"
    mended(stuck)
    assert stuck.conductor().begin(OTHER, stuck.signed(restore(STUCK)), "another", 0).state == "done"


def _gone(*_arguments: object, **_named: object) -> None:
    raise RuntimeError("the control node is gone")
