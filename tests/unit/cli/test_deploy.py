"""`clmdeploy deploy`: the plan first, then progress, then how it ended; and nothing before it was allowed."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ExitCode, StoreUnavailable
from clmdeploy.queries.status import FleetStatus, fleet_status
from tests.unit.cli.desk import Desk, Terminal

CONTRACTING = ((1, "contract", "irreversible", "1.2.0"),)
ALL = {"app1", "app2", "app3", "worker1"}


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Somebody sits at a terminal and types this."""
    monkeypatch.setattr(sys, "stdin", Terminal(text))


def test_dry_run_shows_the_plan_and_touches_nothing(desk: Desk) -> None:
    """`--dry-run` tells what would happen where, needs no confirmation, and leaves hosts and buckets as they were."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--dry-run")
    assert said.code == ExitCode.DONE
    for words in ("Deploy clm 1.1.0 to lab", "1/5 stage", "Switch app1 to 1.1.0", "Undrain app3", "safe"):
        assert words in said.out
    assert desk.hosts.log == []
    assert list(desk.state.keys("")) == []


def test_dry_run_prints_exactly_the_plan_that_is_applied(desk: Desk) -> None:
    """The digest of `--dry-run --json` is the plan's own, and that of the plan which the journal then holds."""
    planned = desk("deploy", "1.1.0", "-e", "lab", "--dry-run", "--json").json
    assert Plan.model_validate(planned["plan"]).digest == planned["digest"]
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.DONE
    assert desk.runtime().journal.plan(desk.newest()).digest == planned["digest"]


def test_deploy_shows_its_plan_then_its_progress_then_what_runs_where(desk: Desk) -> None:
    """A log shows, in this order, the plan, a line when a step begins and ends, and one line of result."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.1.0"}
    order = ["Deploy clm 1.1.0", "2/5 canary    app1: Switch", "5/5 batch-3   worker1: done in", "Done: 1.1.0 runs on"]
    places = [said.out.index(words) for words in order]
    assert places == sorted(places)
    assert said.err == ""


def test_a_second_deploy_touches_nothing(desk: Desk) -> None:
    """What runs everywhere is nothing to do: exit code 0, no lease taken, nothing in the journal, no host touched."""
    desk.install("1.1.0")
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE
    assert "nothing to do" in said.out
    assert (desk.hosts.log, list(desk.state.keys(""))) == ([], [])
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json").json["state"] == "nothing-to-do"


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_yes_is_needed_when_there_is_something_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """A pipeline that forgot `--yes` is told so, also one that closed standard input: exit code 2, nothing touched."""
    if closed:
        monkeypatch.setattr(sys, "stdin", None)
    said = desk("deploy", "1.1.0", "-e", "lab")
    assert said.code == ExitCode.USAGE
    assert "--yes" in said.err
    assert (desk.hosts.log, list(desk.state.keys(""))) == ([], [])
    desk.install("1.1.0")
    assert desk("deploy", "1.1.0", "-e", "lab").code == ExitCode.DONE


@pytest.mark.parametrize(("answer", "code", "runs"), [("y\n", 0, "1.1.0"), ("\n", 4, "1.0.0"), ("n\n", 4, "1.0.0")])
def test_on_a_terminal_the_answer_decides(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, runs: str
) -> None:
    """Only y goes on; all else ends with nothing changed."""
    answering(monkeypatch, answer)
    assert desk("deploy", "1.1.0", "-e", "lab").code == code
    assert set(desk.runs.values()) == {runs}


@pytest.mark.parametrize("production", ["production", "production-ural"])
def test_production_wants_the_name_of_the_environment(desk: Desk, production: str) -> None:
    """In production `--yes` is not enough: the flag that names the environment is demanded, and suffices."""
    desk.settings["name"] = production
    said = desk("deploy", "1.1.0", "-e", production, "--yes")
    assert (said.code, f"--confirm {production}" in said.err) == (ExitCode.USAGE, True)
    assert desk.hosts.log == []
    assert desk("deploy", "1.1.0", "-e", production, "--confirm", production).code == ExitCode.DONE


@pytest.mark.parametrize(("typed", "code"), [("lab\n", 0), ("lba\n", 4), ("y\n", 4)])
def test_what_cant_be_taken_back_wants_the_name_typed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    """A contracting migration is listed as a point of no return, and only the environment's name goes on."""
    desk.publish("2.0.0", CONTRACTING)
    answering(monkeypatch, typed)
    said = desk("deploy", "2.0.0", "-e", "lab", "--yes", "--no-restore-point", "dump of 21:00")
    assert said.code == code
    assert "No way back after: Migrate the schema to 1 (contract)" in said.out
    assert "no-restore-point: dump of 21:00" in said.out


def test_a_closed_standard_input_is_nobody_to_ask_for_a_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--yes` is not enough there, and `<&-` is no fault of the program: the flag is named."""
    monkeypatch.setattr(sys, "stdin", None)
    desk.publish("2.0.0", CONTRACTING)
    said = desk("deploy", "2.0.0", "-e", "lab", "--yes", "--no-restore-point", "a test")
    assert (said.code, "--confirm lab" in said.err) == (ExitCode.USAGE, True)


def test_the_name_of_another_environment_is_refused(desk: Desk) -> None:
    """`--confirm` that names another environment is a mistake that must stop everything."""
    assert desk("deploy", "1.1.0", "-e", "lab", "--confirm", "production").code == ExitCode.USAGE
    assert desk.hosts.asked == 0


@pytest.mark.parametrize(
    ("language", "first", "runs", "safe", "following"),
    [
        ("en", "Failed. Everything has been taken back.", "Runs now: 1.0.0 on", "Safe: yes", "Next: clmdeploy change"),
        ("ru", "Сбой. Выполнен полный откат.", "Сейчас работает: 1.0.0", "Безопасно: да", "Дальше: clmdeploy change"),
    ],
)
def test_a_failure_ends_in_three_lines(
    desk: Desk, language: str, first: str, runs: str, safe: str, following: str
) -> None:
    """What runs where now, is it safe, what to type: in the administrator's language, on stderr; exit code 4."""
    desk.fail("switch", "app2", "component web is not healthy")
    said = desk("--lang", language, "deploy", "1.1.0", "-e", "lab", "--yes")
    lines = said.err.splitlines()
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert lines[0] == first
    assert "app2: Switch app2 to 1.1.0 and wait for health: component web is not healthy" in lines[1]
    assert [lines[2][: len(runs)], lines[3][: len(safe)], lines[4][: len(following)]] == [runs, safe, following]
    assert set(desk.runs.values()) == {"1.0.0"}


def test_an_undo_that_fails_is_owed_and_named(desk: Desk) -> None:
    """Exit code 5: the host that owes an undo is named, it is not safe, and abort is the command to type."""
    desk.fail("switch", "app2")
    desk.fail("switch", "app1", verb="restore")
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.FAILED_PARTLY
    assert "Safe: NO." in said.err
    assert "taking it back failed: app1" in said.err
    assert said.err.splitlines()[-1] == "Next: clmdeploy change abort -e lab"


def test_a_host_that_no_longer_answers_is_named(desk: Desk) -> None:
    """What runs where is asked again after a failure; who gives no answer then is named, and it is not called safe."""

    def dies(act: Guarded) -> Outcome | None:
        if act.act == "switch" and act.host.name == "app2":
            desk.hosts.silent.add("app2")
            return Outcome(status="unreachable", message="app2: connection reset")
        return None

    desk.hosts.before = dies
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json")
    assert said.code == ExitCode.FAILED_PARTLY
    assert (said.json["silent"], said.json["owed"], said.json["safe"]) == (["app2"], ["app2"], False)
    assert said.json["next"] == "clmdeploy change abort -e lab"


@pytest.mark.parametrize(
    ("policy", "state", "following"),
    [
        (("--on-failure", "stop"), "stopped", "change abort -e lab"),
        (("--on-failure", "take-back-batch"), "partly", "rollback --to 1.0.0 -e lab"),
        (("--tolerate", "1"), "done", "deploy 1.1.0 -e lab"),
    ],
)
def test_the_policy_decides_how_a_failure_ends(desk: Desk, policy: tuple[str, ...], state: str, following: str) -> None:
    """Each failure policy has its ending (exit code 5 where something changed) and its next command."""
    desk.fail("switch", "app2")
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json", *policy)
    ending = said.json
    assert said.code == ending["exit_code"] == ExitCode.FAILED_PARTLY
    assert (ending["state"], ending["next"]) == (state, f"clmdeploy {following}")
    assert [failure["host"] for failure in ending["failures"]] == ["app2"]
    assert desk.runs["app1"] == "1.1.0"


def test_storage_that_falls_silent_after_the_end_hides_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a step without a way back has acted is not known then: how it ended is told, and abort would refuse."""

    def silent(*_arguments: object, **_named: object) -> None:
        raise StoreUnavailable("storage does not answer")

    def looking(*arguments: object, **named: object) -> FleetStatus:
        monkeypatch.setattr(desk.state, "get", silent)
        return fleet_status(*arguments, **named)  # type: ignore[arg-type]

    desk.publish("2.0.0", CONTRACTING)
    desk.fail("switch", "app2")
    monkeypatch.setattr("clmdeploy.queries.status.fleet_status", looking)
    said = desk(
        "deploy", "2.0.0", "-e", "lab", "--confirm", "lab", "--no-restore-point", "a test", "--on-failure", "stop"
    )
    assert said.code == ExitCode.FAILED_PARTLY
    assert "2.0.0 on app1" in said.err
    assert said.err.splitlines()[-1] == "Next: clmdeploy change abort -e lab"


def test_somebody_else_at_work_is_named(desk: Desk) -> None:
    """Exit code 6 with who, since when and why; nothing is asked of any host."""
    runtime = desk.runtime()
    lease = runtime.leases.acquire(Request("fleet", runtime.who, "c1", "nightly work"))
    try:
        said = desk("deploy", "1.1.0", "-e", "lab", "--yes")
        assert said.code == ExitCode.LEASE_HELD
        assert "admin@lab" in said.err
        assert "nightly work" in said.err
        assert "--lease-wait" in said.err
        assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json").json["error"]["code"] == "lease_held"
    finally:
        lease.release()
    assert desk.hosts.asked == 0


def test_storage_that_falls_silent_half_way_leaves_an_open_change(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never called unchanged: exit code 9, what runs where, and resume as the command to type."""
    put: Callable[..., str] = desk.state.put

    def failing(key: str, body: bytes, **conditions: object) -> str:
        if b'"canary-switch"' in body and b'"step-finished"' in body:
            raise StoreUnavailable("storage does not answer")
        return put(key, body, **conditions)

    with monkeypatch.context() as broken:
        broken.setattr(desk.state, "put", failing)
        said = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.UNKNOWN
    assert "1.1.0 on app1" in said.err
    assert said.err.splitlines()[-1] == "Next: clmdeploy change resume -e lab"
    assert desk("change", "resume", "-e", "lab").code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.1.0"}


def test_an_open_change_stands_in_the_way(desk: Desk) -> None:
    """A new deploy is refused with exit code 9 before anything is planned, naming the open change and what to type."""
    desk.fail("switch", "app2")
    desk("deploy", "1.1.0", "-e", "lab", "--yes", "--on-failure", "stop")
    asked = desk.hosts.asked
    said = desk("deploy", "1.2.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.UNKNOWN
    assert f"clmdeploy change resume {desk.newest()} -e lab" in said.err
    assert desk.hosts.asked == asked


def test_events_are_json_lines_and_nothing_else(desk: Desk) -> None:
    """A pipeline can follow along: from `opened` to `ending`, every step's start and end in between."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--events")
    kinds = [line["event"] for line in said.lines]
    assert (kinds[0], kinds[-1], kinds[-2]) == ("opened", "ending", "closed")
    assert kinds.count("step-started") == kinds.count("step-finished") == len(said.lines[0]["steps"])
    assert {line["host"] for line in said.lines if line["event"] == "outcome"} >= ALL
    assert said.lines[-1]["exit_code"] == ExitCode.DONE


def test_json_is_one_object(desk: Desk) -> None:
    """stdout holds the ending alone; progress goes to stderr, where a job's log shows it."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json")
    assert said.json["runs"] == {desk.directories["1.1.0"]: ["app1", "app2", "app3", "worker1"]}
    assert (said.json["change"], said.json["next"]) == (desk.newest(), None)
    assert "app1: done in" in said.err


def test_junit_tells_every_step_and_host(desk: Desk) -> None:
    """Who failed, who was not reached and who was taken back, one testcase for each step and host."""
    desk.fail("switch", "app2", "a <broken> \x1b[31m & \x00 message")
    report = desk.place / "report.xml"
    desk("deploy", "1.1.0", "-e", "lab", "--yes", "--junit", str(report))
    suite = ElementTree.fromstring(report.read_bytes()).find("testsuite")  # noqa: S314  # our own file
    assert suite is not None
    cases = {case.get("name"): case for case in suite}
    failure = cases["Switch app2 to 1.1.0 and wait for health [app2]"].find("failure")
    assert failure is not None
    assert failure.get("message") == "a <broken> [31m &  message"
    assert cases["Switch app1 to 1.1.0 and wait for health [app1]"].findtext("system-out") == "taken back"
    assert cases["Switch app3 to 1.1.0 and wait for health [app3]"].find("skipped") is not None
    assert (suite.get("failures"), suite.get("tests")) == ("1", str(len(cases)))


def test_a_junit_file_that_cant_be_written_is_told_before_anything_is_done(desk: Desk) -> None:
    """Exit code 2 at once, not after a deploy."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--junit", str(desk.place / "none" / "report.xml"))
    assert said.code == ExitCode.USAGE
    assert desk.hosts.asked == 0


def test_plan_out_writes_a_signed_plan_for_its_owner_only(desk: Desk) -> None:
    """Nothing is applied; the file is whole, mode 0600, and carries the signature."""
    path = desk.place / "plan.json"
    said = desk("deploy", "1.1.0", "-e", "lab", "--plan-out", str(path))
    assert said.code == ExitCode.DONE
    assert f"clmdeploy change apply {path} -e lab" in said.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"plan", "digest", "signature"} <= json.loads(path.read_text()).keys()
    assert (desk.hosts.log, list(desk.state.keys(""))) == ([], [])


@pytest.mark.parametrize(
    ("words", "batches"),
    [
        ((), ["canary:app1", "batch-1:app2", "batch-2:app3", "batch-3:worker1"]),
        (("--strategy", "rolling"), ["batch-1:app1", "batch-2:app2", "batch-3:app3", "batch-4:worker1"]),
        (("--strategy", "all-at-once"), ["batch-1:app1,app2,app3", "batch-2:worker1"]),
        (("--canary", "2"), ["canary:app1,app2", "batch-1:app3", "batch-2:worker1"]),
        (("--strategy", "rolling", "--batch", "2"), ["batch-1:app1,app2", "batch-2:app3", "batch-3:worker1"]),
        (("--batch", "67%", "--canary", "0"), ["batch-1:app1,app2", "batch-2:app3", "batch-3:worker1"]),
        (("--limit", "app3,worker1"), ["batch-1:app3", "batch-2:worker1"]),
    ],
)
def test_choices_reach_the_plan(desk: Desk, words: tuple[str, ...], batches: list[str]) -> None:
    """Strategy, batch size, canary and limit decide who is switched together and in which order."""
    plan = Plan.model_validate(desk("deploy", "1.1.0", "-e", "lab", "--dry-run", "--json", *words).json["plan"])
    switches = [step for step in plan.steps if step.id.endswith("-switch")]
    assert [f"{step.batch}:{','.join(one.host for one in step.targets)}" for step in switches] == batches


@pytest.mark.parametrize(
    "words",
    [
        ("--batch", "0"), ("--batch", "101%"), ("--batch", "many"), ("--on-failure", "tolerate"), ("--canary", "-1"),
        ("--on-failure", "stop", "--tolerate", "1"), ("--limit", "app1,,app2"), ("--lease-wait", "-5"),
        ("--hotfix", ""), ("--hotfix", "  "), ("--reason", "two\nlines"), ("--reason", "\x1b[31mred"),
        ("--reason", "x" * 501),
    ],
)  # fmt: skip
def test_choices_that_mean_nothing_are_refused(desk: Desk, words: tuple[str, ...]) -> None:
    """Exit code 2, and nothing is done."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", *words)
    assert said.code == ExitCode.USAGE
    assert desk.hosts.log == []


@pytest.mark.parametrize("version", ["1.1", "latest", "../../etc", "1.1.0; reboot", "{{ 7 * 7 }}"])
def test_what_is_no_version_is_refused(desk: Desk, version: str) -> None:
    """Exit code 2 before anybody is asked."""
    assert desk("deploy", version, "-e", "lab", "--yes").code == ExitCode.USAGE
    assert desk.hosts.asked == 0


def test_an_unknown_release_is_invalid(desk: Desk) -> None:
    """Exit code 3, naming the nearest that are published."""
    said = desk("deploy", "1.5.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.INVALID
    assert "1.2.0" in said.err


@pytest.mark.parametrize("reason", ["{{ 7 * 7 }}", "[bold]urgent[/bold] :smile:", "{reason!r} %s", "срочно; rm -rf /"])
def test_free_text_is_shown_as_it_is(desk: Desk, reason: str) -> None:
    """No field is ever evaluated as a template, markup or format, and the journal keeps its very words."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--hotfix", reason, "--reason", reason)
    assert f"hotfix: {reason}" in said.out
    opened = desk.runtime().journal.events(desk.newest())[0]
    assert opened.detail["reason"] == opened.detail["reasons"]["hotfix"] == reason


def test_a_closed_pipe_does_not_break_a_change_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`clmdeploy deploy … | head` goes on to its end: what happens to hosts never depends on who reads along."""

    class Closed(Terminal):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return desk.capsys_null.fileno()

    with (desk.place / "null").open("w") as null:
        desk.capsys_null = null  # type: ignore[attr-defined]
        monkeypatch.setattr(sys, "stdout", Closed())
        desk("deploy", "1.1.0", "-e", "lab", "--yes", "--events")
    assert set(desk.runs.values()) == {"1.1.0"}


def test_the_next_command_can_be_pasted(desk: Desk, tmp_path: Path) -> None:
    """With `--inventories` on the command line, it stands in the command to type next too."""
    desk.fail("switch", "app1")
    said = desk("--inventories", str(tmp_path), "deploy", "1.1.0", "-e", "lab", "--yes")
    assert said.err.splitlines()[-1].startswith(f"Next: clmdeploy --inventories {tmp_path} change show")
