"""The executor: what it does when all goes well, when a host fails, and when it is cut off anywhere."""

from __future__ import annotations

import json
import signal

import pytest

from clmdeploy.changes.dispatch import _spelled
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.plan import Plan, Policy, TaskCall
from clmdeploy.changes.settling import PATIENCE
from clmdeploy.changes.verification import verify
from clmdeploy.model.errors import ExitCode, NothingChanged, OutcomeUnknown, PointOfNoReturn

from .conftest import NEW, OLD, Stage, make_plan


def test_every_host_ends_on_the_new_release_and_in_rotation(stage: Stage) -> None:
    """A change without faults does each step once, in the order of the plan."""
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert (ending.state, ending.exit_code) == ("done", ExitCode.DONE)
    assert stage.hosts.log == [
        "perform stage app1", "perform stage app2", "perform migrate app1",
        "perform balance app1 drain", "perform switch app1", "perform balance app1 ready",
        "perform balance app2 drain", "perform switch app2", "perform balance app2 ready",
    ]  # fmt: skip
    assert {stage.hosts.host(name).current for name in ("app1", "app2")} == {NEW}


def test_each_act_is_announced_in_the_journal_before_it_happens(stage: Stage) -> None:
    """When a host is touched, the event that names the step is already stored."""
    unannounced = []

    def look(act: Guarded) -> Outcome | None:
        started = [event.step for event in stage.journal.events("c1") if event.kind == "step-started"]
        if act.guard == "run" and not any(act.unit.startswith(f"clm-c1-{step}") for step in started):
            unannounced.append(act.unit)
        return None

    stage.hosts.before = look
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert unannounced == []


def failing(host: str, act: str, status: str = "failed", *, acted: bool = True, verb: str = "perform"):  # type: ignore[no-untyped-def]
    """A fault of one act on one host."""

    def fault(guarded: Guarded) -> Outcome | None:
        hit = (guarded.host.name, guarded.act, guarded.verb) == (host, act, verb) and guarded.guard == "run"
        return Outcome.model_validate({"status": status, "message": "boom", "acted": acted}) if hit else None

    return fault


def test_a_failed_switch_takes_everything_back_under_drain(stage: Stage) -> None:
    """Undo runs backwards: a host is drained again before it goes back, and nothing stays drained or staged."""
    before = stage.state()
    stage.hosts.verdict = failing("app2", "switch")
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert (ending.state, ending.exit_code) == ("taken-back", ExitCode.FAILED_UNCHANGED)
    assert [(one.host, one.message) for one in ending.failures] == [("app2", "boom")]
    assert stage.state() == before
    undone = [line for line in stage.hosts.log if line.startswith("restore")]
    assert undone[:5] == [
        "restore switch app2", "restore balance app2 drain",
        "restore balance app1 ready", "restore switch app1", "restore balance app1 drain",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "state", "code", "app1", "app2"),
    [
        (Policy(on_failure="take-back-all"), "taken-back", ExitCode.FAILED_UNCHANGED, OLD, OLD),
        (Policy(on_failure="take-back-batch"), "partly", ExitCode.FAILED_PARTLY, NEW, OLD),
        (Policy(on_failure="stop"), "stopped", ExitCode.FAILED_PARTLY, NEW, NEW),
        (Policy(on_failure="tolerate", tolerate=1), "done", ExitCode.FAILED_PARTLY, NEW, OLD),
    ],
)
def test_the_policy_of_the_plan_says_what_a_failure_means(
    stage: Stage, policy: Policy, state: str, code: ExitCode, app1: str, app2: str
) -> None:
    """app2's new release fails its health check after it was switched."""
    stage.hosts.verdict = failing("app2", "switch")
    ending = stage.conductor().begin("c1", stage.signed(make_plan(policy=policy)), "why", 0)
    assert (ending.state, ending.exit_code) == (state, code)
    assert (stage.hosts.host("app1").current, stage.hosts.host("app2").current) == (app1, app2)


def test_an_unreachable_host_stops_the_rollout_and_owes_its_undo(stage: Stage) -> None:
    """Batch 2 never starts; the silent host stays drained on purpose; others are back; its undo is recorded as owed."""

    def silent(act: Guarded) -> Outcome | None:
        reached = any("switch" in line for line in stage.hosts.log) or act.act == "switch"
        return Outcome(status="unreachable", message="no route") if act.host.name == "app1" and reached else None

    stage.hosts.before = silent
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert (ending.state, ending.owed) == ("partly", ("app1",))
    assert "perform switch app2" not in stage.hosts.log
    assert stage.hosts.host("lb1").servers == {"app1": "drain", "app2": "ready"}
    assert stage.journal.head().owed == {"app1": "c1"}  # type: ignore[union-attr]
    with pytest.raises(OutcomeUnknown, match="app1 still owes"):
        stage.conductor().begin("c2", stage.signed(make_plan()), "why", 0)
    stage.hosts.before = lambda _act: None
    assert stage.conductor().abort("c1", "host is back").state == "taken-back"
    assert stage.hosts.host("lb1").servers == {"app1": "ready", "app2": "ready"}
    assert stage.journal.head().owed == {}  # type: ignore[union-attr]


def test_a_host_that_fell_silent_is_waited_for_once(stage: Stage) -> None:
    """Not again at the undo of every step that it was part of: the others are kept waiting all that time."""

    def silent(act: Guarded) -> Outcome | None:
        reached = any("switch" in line for line in stage.hosts.log) or act.act == "switch"
        return Outcome(status="unreachable", message="cut") if act.host.name == "app1" and reached else None

    stage.hosts.before = silent
    began = stage.clock.monotonic()
    assert stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0).owed == ("app1",)
    assert PATIENCE <= stage.clock.monotonic() - began < 2 * PATIENCE


def test_a_lost_answer_is_settled_by_asking_the_guard(stage: Stage) -> None:
    """The act was done but its answer was lost: the kept result counts, and the rollout goes on."""
    lost = iter([True])

    def lose(act: Guarded) -> Outcome | None:
        hit = act.act == "switch" and act.guard == "run" and next(lost, False)
        return Outcome(status="unreachable", message="connection lost") if hit else None

    stage.hosts.after = lose
    assert stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0).state == "done"
    assert stage.hosts.log.count("perform switch app1") == 1


class Cut(BaseException):
    """The control node is gone: nothing of it runs any more."""


def acts_of_a_whole_run() -> int:
    stage = fresh()
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    return len(stage.hosts.log)


def fresh() -> Stage:
    made = Stage()
    for name in ("app1", "app2"):
        made.hosts.host(name).current = OLD
        made.hosts.host("lb1").servers[name] = "ready"
    made.hosts.schema = {"version": 1, "dirty": False}
    return made


def cut_at(stage: Stage, number: int, *, after: bool) -> None:
    """Lose the control node at the act `number`, before or after it happened."""
    seen = iter(range(10_000))

    def fault(act: Guarded) -> Outcome | None:
        if act.guard == "run" and next(seen) == number:
            raise Cut
        return None

    setattr(stage.hosts, "after" if after else "before", fault)
    with pytest.raises(Cut):
        stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    stage.hosts.before = stage.hosts.after = lambda _act: None


CUTS = [(number, after) for number in range(acts_of_a_whole_run()) for after in (False, True)]


@pytest.mark.parametrize(("number", "after"), CUTS)
def test_resume_finishes_what_was_cut_off_anywhere(number: int, after: bool) -> None:
    """Wherever the control node is lost, another one that resumes ends where an uncut run ends."""
    whole, cut = fresh(), fresh()
    whole.conductor().begin("c1", whole.signed(make_plan()), "why", 0)
    cut_at(cut, number, after=after)
    with pytest.raises(OutcomeUnknown, match="c1 stands open"):
        cut.conductor("second").begin("c2", cut.signed(make_plan()), "why", 0)
    assert cut.conductor("second").resume("c1", "go on").state == "done"
    assert cut.state() == whole.state()
    assert verify(cut.journal) > 0


@pytest.mark.parametrize(("number", "after"), CUTS)
def test_abort_takes_back_what_was_cut_off_anywhere(number: int, after: bool) -> None:
    """Wherever the control node is lost, another one that aborts ends where it all began."""
    stage = fresh()
    before = stage.state()
    cut_at(stage, number, after=after)
    assert stage.conductor("second").abort("c1", "give up").state == "taken-back"
    assert stage.state() == before


def cut_again(stage: Stage, number: int, *, after: bool) -> None:
    """The change has acted everywhere; lose the next control node at the undo `number`, before or after it happened."""
    cut_at(stage, acts_of_a_whole_run() - 1, after=True)
    seen = iter(range(10_000))

    def fault(act: Guarded) -> Outcome | None:
        if act.guard == "run" and next(seen) == number:
            raise Cut
        return None

    setattr(stage.hosts, "after" if after else "before", fault)
    with pytest.raises(Cut):
        stage.conductor("second").abort("c1", "give up")
    stage.hosts.before = stage.hosts.after = lambda _act: None


@pytest.mark.parametrize("verb", ["abort", "resume"])
@pytest.mark.parametrize(("number", "after"), CUTS)
def test_what_was_cut_off_while_it_was_taken_back_is_taken_back(number: int, after: bool, verb: str) -> None:
    """Wherever a second control node is lost while it aborts, a third one ends where it all began, by either verb."""
    stage = fresh()
    before = stage.state()
    cut_again(stage, number, after=after)
    assert getattr(stage.conductor("third"), verb)("c1", "go on").state == "taken-back"
    assert stage.state() == before


def test_a_newer_token_on_a_host_refuses_the_change_there(stage: Stage) -> None:
    """A control node that was overtaken is stopped by the hosts themselves."""
    stage.hosts.host("app1").tokens["fleet"] = 99
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert ending.state == "taken-back"
    assert "stale token" in ending.failures[0].message


def test_no_presigned_address_enters_plan_or_journal(stage: Stage) -> None:
    """Addresses are minted for the act and stay with it."""
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    stored = [stage.store.get(key).body.decode() for key in stage.store.keys("")]
    assert not [text for text in stored if "memory:///" in text]
    assert all(json.loads(text) for text in stored)


class Died(BaseException):
    """The control node dies between two writes to the bucket."""


def writes_of_a_whole_run(plan_policy: Policy) -> int:
    stage, writes = fresh(), []
    put = stage.store.put
    stage.store.put = lambda key, *rest, **more: (writes.append(key), put(key, *rest, **more))[1]  # type: ignore[method-assign,func-returns-value]
    stage.hosts.verdict = failing("app2", "switch")
    stage.conductor().begin("c1", stage.signed(make_plan(policy=plan_policy)), "why", 0)
    return sum("lease" not in key for key in writes)


TAKE_BACK_BATCH, TOLERATE = Policy(on_failure="take-back-batch"), Policy(on_failure="tolerate", tolerate=1)
DEATHS = [(policy, number) for policy in (TAKE_BACK_BATCH, TOLERATE) for number in range(writes_of_a_whole_run(policy))]


@pytest.mark.parametrize(("policy", "number"), DEATHS)
def test_death_at_any_write_of_a_failing_change_is_settled_by_resume(policy: Policy, number: int) -> None:
    """app2 fails; wherever the control node dies then, resume ends as if it had not: app2 is back, app1 is not."""
    stage = fresh()
    put, seen = stage.store.put, iter(range(10_000))

    def dying(key: str, *rest: object, **more: object) -> str:
        if "lease" not in key and next(seen) == number:
            raise Died
        return put(key, *rest, **more)  # type: ignore[arg-type]

    stage.store.put = dying  # type: ignore[method-assign,assignment]
    stage.hosts.verdict = failing("app2", "switch")
    with pytest.raises(Died):
        stage.conductor().begin("c1", stage.signed(make_plan(policy=policy)), "why", 0)
    stage.store.put = put  # type: ignore[method-assign]
    newest = stage.journal.newest_change()
    if newest is None:  # nothing was announced, so nothing was done: the work is simply begun again
        stage.conductor("second").begin("c2", stage.signed(make_plan(policy=policy)), "again", 0)
    elif stage.journal.ledger(newest).closed is None:
        stage.conductor("second").resume("c1", "go on")
    assert (stage.hosts.host("app1").current, stage.hosts.host("app2").current) == (NEW, OLD)
    assert stage.hosts.host("lb1").servers == {"app1": "ready", "app2": "ready"}
    assert verify(stage.journal) > 0
    stage.hosts.verdict = lambda _act: None
    assert stage.conductor("third").begin("c3", stage.signed(make_plan()), "later", 0).change == "c3"


def out_of_reach(host: str):  # type: ignore[no-untyped-def]
    """As the SSH adapter tells it: no connection, so this very request never began."""
    return lambda act: Outcome(status="unreachable", message="no route", acted=False) if act.host.name == host else None


def test_a_host_that_can_not_be_asked_what_it_did_is_never_called_untouched(stage: Stage) -> None:
    """app2 has switched, the control node dies, app2 falls silent: abort records the undo as owed, not as needless."""
    cut_at(stage, number_of("perform switch app2"), after=True)
    stage.hosts.before = out_of_reach("app2")
    ending = stage.conductor("second").abort("c1", "give up")
    assert ending.state == "partly"
    assert "app2" in ending.owed


def test_another_try_that_never_began_does_not_hide_the_first(stage: Stage) -> None:
    """Resumed while app2 is out of reach: the switch that may have happened is still to be undone."""
    cut_at(stage, number_of("perform switch app2"), after=True)
    stage.hosts.before = out_of_reach("app2")
    ending = stage.conductor("second").resume("c1", "go on")
    assert ending.state == "partly"
    assert "app2" in ending.owed
    stage.hosts.before = lambda _act: None
    assert stage.conductor("second").abort("c1", "it is back").state == "taken-back"
    assert stage.hosts.host("app2").current == OLD


def number_of(line: str) -> int:
    """Which act of an uncut run this is."""
    stage = fresh()
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    return stage.hosts.log.index(line)


def left_behind(stage: Stage, policy: Policy, host: str) -> None:
    """c1 goes on as `policy` says without `host`, which fails its switch and then falls silent."""

    def silent(act: Guarded) -> Outcome | None:
        gone = act.host.name == host and any(line == f"perform switch {host}" for line in stage.hosts.log)
        return Outcome(status="unreachable", message="no route", acted=False) if gone else None

    stage.hosts.before = silent
    stage.hosts.verdict = failing(host, "switch")
    assert stage.conductor().begin("c1", stage.signed(make_plan(policy=policy, migrate=False)), "why", 0).owed == (
        host,
    )
    stage.hosts.before = stage.hosts.verdict = lambda _act: None


@pytest.mark.parametrize("verb", ["abort", "resume"])
def test_settling_a_debt_leaves_nothing_behind(stage: Stage, verb: str) -> None:
    """app2 owes the undo of its switch, so what was staged there stays as well; both go once it is back."""
    before = stage.state()
    left_behind(stage, Policy(), "app2")
    assert stage.state() != before
    assert getattr(stage.conductor("second"), verb)("c1", "it is back").state == "taken-back"
    assert stage.state() == before


@pytest.mark.parametrize("verb", ["abort", "resume"])
@pytest.mark.parametrize(
    ("policy", "failed", "well", "state"),
    [(TOLERATE, "app1", "app2", "done"), (TAKE_BACK_BATCH, "app2", "app1", "partly")],
)
def test_settling_a_debt_leaves_the_rest_of_a_closed_change_alone(
    stage: Stage, verb: str, policy: Policy, failed: str, well: str, state: str
) -> None:
    """One host owes an undo, the others run the new release: that host goes back, and nobody else."""
    left_behind(stage, policy, failed)
    ending = getattr(stage.conductor("second"), verb)("c1", "it is back")
    assert (ending.state, ending.owed) == (state, ())
    assert (stage.hosts.host(failed).current, stage.hosts.host(well).current) == (OLD, NEW)
    assert stage.hosts.host("lb1").servers == {"app1": "ready", "app2": "ready"}
    assert stage.journal.head().owed == {}  # type: ignore[union-attr]


def test_a_host_that_was_left_out_stays_out_when_the_change_is_resumed() -> None:
    """app1 failed and was taken back alone; the control node dies later; resume does not try app1 again."""
    stage = fresh()

    def fault(act: Guarded) -> Outcome | None:
        if (act.host.name, act.act, act.verb, act.guard) == ("app2", "switch", "perform", "run"):
            raise Cut
        return None

    stage.hosts.before, stage.hosts.verdict = fault, failing("app1", "switch")
    with pytest.raises(Cut):
        stage.conductor().begin("c1", stage.signed(make_plan(policy=TOLERATE)), "why", 0)
    stage.hosts.before = stage.hosts.verdict = lambda _act: None
    ending = stage.conductor("second").resume("c1", "go on")
    assert (ending.state, ending.dropped) == ("done", ("app1",))
    assert (stage.hosts.host("app1").current, stage.hosts.host("app2").current) == (OLD, NEW)
    assert stage.hosts.log.count("perform switch app1") == 1


def contracting(policy: Policy | None = None) -> Plan:
    """The migration comes last and has no way back."""
    plan = make_plan(policy=policy)
    first, last = plan.steps[1], plan.steps[:1] + plan.steps[2:]
    return plan.model_copy(update={"steps": (*last, first.model_copy(update={"undo": "irreversible"}))})


def test_an_irreversible_step_that_failed_and_left_nothing_is_no_point_of_no_return(stage: Stage) -> None:
    """The migration failed and rolled itself back, as the schema itself shows: everything else is taken back."""
    before = stage.state()
    stage.hosts.before = failing("app1", "migrate")
    ending = stage.conductor().begin("c1", stage.signed(contracting()), "why", 0)
    assert (ending.state, ending.exit_code) == ("taken-back", ExitCode.FAILED_UNCHANGED)
    assert stage.state() == before


def test_an_irreversible_step_that_failed_and_left_something_stops_for_a_person(stage: Stage) -> None:
    """Abort refuses then; resume may finish it."""
    stage.hosts.verdict = failing("app1", "migrate")
    assert stage.conductor().begin("c1", stage.signed(contracting()), "why", 0).state == "stopped"
    with pytest.raises(NothingChanged, match="point of no return"):
        stage.conductor().abort("c1", "no")
    stage.hosts.verdict = lambda _act: None
    assert stage.conductor().resume("c1", "mended").state == "done"


def test_an_irreversible_step_that_was_cut_off_before_it_acted_can_be_aborted(stage: Stage) -> None:
    """The control node died between the announcement and the act."""
    before = stage.state()

    def cut(act: Guarded) -> Outcome | None:
        if act.act == "migrate" and act.guard == "run":
            raise Cut
        return None

    stage.hosts.before = cut
    with pytest.raises(Cut):
        stage.conductor().begin("c1", stage.signed(contracting()), "why", 0)
    stage.hosts.before = lambda _act: None
    assert stage.conductor().abort("c1", "give up").state == "taken-back"
    assert stage.state() == before


def test_ctrl_c_while_hosts_are_staged_stops_before_the_schema_moves(stage: Stage) -> None:
    """Between two stages nothing is drained: that is a safe point as well."""

    def press(act: Guarded) -> Outcome | None:
        if act.act == "stage" and act.host.name == "app1":
            signal.raise_signal(signal.SIGINT)
        return None

    stage.hosts.before = press
    assert stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0).state == "paused"
    assert stage.hosts.log == ["perform stage app1", "perform stage app2"]
    stage.hosts.before = lambda _act: None
    assert stage.conductor().resume("c1", "go on").state == "done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_resume_is_stopped_at_a_safe_point_from_its_beginning(stage: Stage, number: signal.Signals) -> None:
    """Pressed while it fences the hosts, app1 being drained: that batch is finished, the next one does not begin."""
    cut_at(stage, number_of("perform switch app1"), after=False)
    pressed: list[str] = []

    def press(act: Guarded) -> Outcome | None:
        if act.guard == "fence" and not pressed:
            pressed.append(act.host.name)
            signal.raise_signal(number)
        return None

    stage.hosts.before = press
    assert stage.conductor("second").resume("c1", "go on").state == "paused"
    assert (stage.hosts.host("app1").current, stage.hosts.host("app2").current) == (NEW, OLD)
    assert stage.hosts.host("lb1").servers == {"app1": "ready", "app2": "ready"}
    assert stage.conductor("second").abort("c1", "enough").state == "taken-back"


def test_a_second_ctrl_c_in_the_last_step_still_takes_back(stage: Stage) -> None:
    """What the administrator was told is what happens."""
    before = stage.state()

    def press(act: Guarded) -> Outcome | None:
        if (act.unit, act.guard) == ("clm-c1-batch-2-undrain-app2-1", "run"):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return None

    stage.hosts.before = press
    assert stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0).state == "taken-back"
    assert stage.state() == before


def test_resume_goes_forwards_when_the_way_back_ended_at_a_point_of_no_return(stage: Stage) -> None:
    """The second of two contractions failed and was reverted, the first can't be: the rest is tried again, for ever."""
    plan = contracting()
    last = plan.steps[-1]
    call = TaskCall(act="migrate", arguments=last.action.arguments | {"versions": [3]})
    second = last.model_copy(update={"id": "contract-3", "action": call, "undo": "restore"})
    stage.hosts.verdict = lambda act: (
        Outcome(status="failed") if act.arguments.get("versions") == [3] and act.verb == "perform" else None
    )
    two = plan.model_copy(update={"steps": (*plan.steps, second)})
    assert stage.conductor().begin("c1", stage.signed(two), "why", 0).state == "stopped"
    stage.hosts.verdict = lambda _act: None
    assert stage.conductor().resume("c1", "mended").state == "done"
    assert stage.hosts.schema["version"] == 3


def test_each_attempt_has_a_unit_of_its_own(stage: Stage) -> None:
    """What the guard kept of a first attempt is never taken for the outcome of a second one."""
    cut_at(stage, number_of("perform switch app1"), after=False)
    stage.conductor("second").resume("c1", "go on")
    units = [act.unit for act in stage.hosts.received if act.guard == "run" and act.act == "switch"]
    assert units == ["clm-c1-batch-1-switch-1", "clm-c1-batch-1-switch-2", "clm-c1-batch-2-switch-1"]
    asked = [act.unit for act in stage.hosts.received if act.guard == "probe" and act.act == "switch"]
    assert asked == ["clm-c1-batch-1-switch-1"]


def test_hosts_whose_names_look_alike_have_units_of_their_own() -> None:
    """`app_1` and `app-1` are two hosts, and a unit's name knows no underscore."""
    assert len({_spelled(name) for name in ("app_1", "app-1", "App-1", "app.1")}) == 4


def test_what_was_mended_by_hand_can_be_aborted(stage: Stage) -> None:
    """It was a point of no return, whatever tries followed; now the host shows that nothing of it is left."""
    before = stage.state()
    stage.hosts.verdict = failing("app1", "migrate")
    assert stage.conductor().begin("c1", stage.signed(contracting()), "why", 0).state == "stopped"
    assert stage.conductor().resume("c1", "again").state == "stopped"
    with pytest.raises(PointOfNoReturn):
        stage.conductor().abort("c1", "not mended yet")
    stage.hosts.schema = {"version": 1, "dirty": False}
    assert stage.conductor().abort("c1", "mended").state == "taken-back"
    assert stage.state() == before
