"""`clmdeploy change`: look at pieces of work, apply a plan made before, go on with one or take it back."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk


@pytest.fixture
def plan_file(desk: Desk) -> Path:
    """A signed plan for 1.1.0."""
    path = desk.place / "plan.json"
    desk("deploy", "1.1.0", "-e", "lab", "--plan-out", str(path), "--hotfix", "urgent")
    return path


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """A deploy of 1.1.0 that stopped at app2, as its policy said; app2 is mended since."""
    before = desk.hosts.before
    desk.fail("switch", "app2")
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--on-failure", "stop").code == ExitCode.FAILED_PARTLY
    desk.hosts.before = before
    return desk


def test_a_plan_is_applied_as_it_was_made(desk: Desk, plan_file: Path) -> None:
    """What was reviewed is what runs: the journal holds the file's digest."""
    digest = json.loads(plan_file.read_text())["digest"]
    said = desk("change", "apply", str(plan_file), "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE
    assert "hotfix: urgent" in said.out
    assert desk.runtime().journal.plan(desk.newest()).digest == digest


def test_a_plan_applied_twice_is_nothing_to_do(desk: Desk, plan_file: Path) -> None:
    """Every host runs its release: exit code 0, no second change."""
    desk("change", "apply", str(plan_file), "-e", "lab", "--yes")
    first = desk.newest()
    assert "nothing to do" in desk("change", "apply", str(plan_file), "-e", "lab", "--yes").out
    assert desk.newest() == first


def other_settings(desk: Desk) -> None:
    desk.settings |= {"rollout": {"canary": 0}}


def other_host(desk: Desk) -> None:
    desk.hosts.host("app2").current = "1.0.5-eeeeeeee"
    desk.hosts.manifests["1.0.5-eeeeeeee"] = {"name": "clm", "version": "1.0.5", "schema": None}


def no_release(desk: Desk) -> None:
    desk.hosts.host("app3").current = None


def other_identity(desk: Desk) -> None:
    desk.settings |= {"uuid": "00000000-8f0e-4c55-9d8a-2f6a3c1f7b10"}


def other_name(desk: Desk) -> None:
    desk.settings |= {"name": "staging"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (other_settings, "settings"), (other_host, "app2: runs 1.0.5-eeeeeeee"), (no_release, "app3: runs nothing"),
        (other_identity, "UUID"), (other_name, "for lab, not staging"),
    ],
)  # fmt: skip
def test_drift_refuses_and_is_named(desk: Desk, plan_file: Path, change: Callable[[Desk], None], named: str) -> None:
    """What is no longer as the plan expects is named: exit code 3, nothing touched."""
    change(desk)
    said = desk("change", "apply", str(plan_file), "-e", desk.settings["name"], "--yes")
    assert said.code == ExitCode.INVALID
    assert named in said.err
    assert desk.hosts.log == []


def test_every_drift_is_named_at_once(desk: Desk, plan_file: Path) -> None:
    """Not one after the other."""
    other_settings(desk)
    other_host(desk)
    no_release(desk)
    said = desk("change", "apply", str(plan_file), "-e", "lab", "--yes").err
    assert [words in said for words in ("settings", "app2", "app3")] == [True] * 3


def test_a_silent_host_refuses(desk: Desk, plan_file: Path) -> None:
    """Who does not answer can't be compared: exit code 4, named, nothing touched."""
    desk.hosts.silent.add("app2")
    said = desk("change", "apply", str(plan_file), "-e", "lab", "--yes")
    assert (said.code, "app2" in said.err) == (ExitCode.FAILED_UNCHANGED, True)
    assert desk.hosts.log == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("1.1.0 to lab", "1.1.1 to lab"),
        lambda text: text.replace('"batch-1"', '"batch-2"', 1),
        lambda text: text[: len(text) // 2],
        lambda _text: "",
        lambda _text: "[]",
        lambda text: text.replace('"format"', '"extra": 1, "format"', 1),
        lambda text: text.replace("clmdeploy.plan:", "clmdeploy.release:"),
    ],
)  # fmt: skip
def test_an_edited_plan_is_refused(desk: Desk, plan_file: Path, edit: Callable[[str], str]) -> None:
    """A plan edited by a byte, cut short, or signed for another purpose: exit code 3, nobody is asked."""
    edited = edit(plan_file.read_text())
    assert edited != plan_file.read_text()
    plan_file.write_text(edited)
    desk.hosts.asked = 0
    assert desk("change", "apply", str(plan_file), "-e", "lab", "--yes").code == ExitCode.INVALID
    assert desk.hosts.asked == 0


@pytest.mark.parametrize("path", ["/nowhere/plan.json", "/dev/zero", "/"])
def test_what_is_no_plan_file_is_refused(desk: Desk, path: str) -> None:
    """Missing, endless, or a directory: exit code 3."""
    assert desk("change", "apply", path, "-e", "lab", "--yes").code == ExitCode.INVALID


def test_resume_finishes_what_stopped(stopped: Desk) -> None:
    """Without an ID: there is only one."""
    said = stopped("change", "resume", "-e", "lab")
    assert said.code == ExitCode.DONE
    assert set(stopped.runs.values()) == {"1.1.0"}


def test_abort_takes_back_what_stopped(stopped: Desk) -> None:
    """It did what was asked: exit code 0, and every host runs what it ran before."""
    said = stopped("change", "abort", "-e", "lab", "--reason", "enough")
    assert said.code == ExitCode.DONE
    assert "Taken back: 1.0.0 on" in said.out
    assert set(stopped.runs.values()) == {"1.0.0"}
    assert "enough" in stopped("change", "show", "-e", "lab").out


def test_what_can_be_typed_next_is_told_by_the_change_itself(stopped: Desk) -> None:
    """`change show` of an open change ends with both commands."""
    lines = stopped("change", "show", "-e", "lab").out.splitlines()
    assert lines[-2].endswith(f"clmdeploy change resume {stopped.newest()} -e lab")
    assert lines[-1].endswith(f"clmdeploy change abort {stopped.newest()} -e lab")


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_the_wrong_change_names_the_right_one(stopped: Desk, verb: str) -> None:
    """Exit code 2 with the ID of the change that is open."""
    said = stopped("change", verb, "20200101-000000-deploy-abcd", "-e", "lab")
    assert (said.code, stopped.newest() in said.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_without_an_open_change_there_is_nothing_to_settle(desk: Desk, verb: str) -> None:
    """Exit code 2, in a new environment and after a change that is done."""
    assert desk("change", verb, "-e", "lab").code == ExitCode.USAGE
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    said = desk("change", verb, "-e", "lab")
    assert (said.code, "no change is open" in said.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("verb", ["resume", "abort"])
@pytest.mark.parametrize("version", ["1.1.0", "1.2.0"])
def test_a_plan_that_was_exchanged_half_way_is_refused(stopped: Desk, verb: str, version: str) -> None:
    """Edited, or another one that the same person signed: exit code 10 with the object's name; nothing acts."""
    key, before = f"lab/changes/{stopped.newest()}/plan", len(stopped.hosts.log)
    file = stopped.place / "other.json"
    stopped("deploy", version, "-e", "lab", "--plan-out", str(file))
    document = json.loads(file.read_text() if version == "1.2.0" else stopped.state.get(key).body)
    if version == "1.1.0":
        document["plan"]["policy"]["on_failure"] = "tolerate"
    stopped.state.put(key, json.dumps(document).encode())
    said = stopped("change", verb, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True)
    assert len(stopped.hosts.log) == before


def test_resume_tells_what_has_drifted(stopped: Desk) -> None:
    """A changed input is told, and does not stand in the way."""
    other_settings(stopped)
    said = stopped("change", "resume", "-e", "lab")
    assert "settings" in said.err
    assert said.code == ExitCode.DONE


def test_a_host_that_owes_an_undo_can_be_settled(desk: Desk) -> None:
    """Once the host is back, abort without an ID finds the change by what is owed."""
    before = desk.hosts.before
    desk.fail("switch", "app2")
    desk.fail("switch", "app1", verb="restore")
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.FAILED_PARTLY
    assert "app1" in desk("change", "list", "-e", "lab").out
    desk.hosts.before = before
    assert desk("change", "abort", "-e", "lab").code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.0.0"}


@pytest.mark.parametrize(
    ("presses", "code", "state", "runs"), [(1, 11, "paused", "1.1.0"), (2, 4, "taken-back", "1.0.0")]
)
def test_ctrl_c_stops_at_a_safe_point_and_a_second_takes_back(
    desk: Desk, presses: int, code: int, state: str, runs: str
) -> None:
    """Pressed while app1 is switched: its batch ends first. Then paused (11), or all is taken back (4)."""

    def pressing(act: Guarded) -> Outcome | None:
        if (act.act, act.verb, act.host.name, act.guard) == ("switch", "perform", "app1", "run"):
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
        return None

    desk.hosts.before = pressing
    said = desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json")
    assert (said.code, said.json["state"]) == (code, state)
    assert desk.runs["app1"] == runs
    assert desk.runs["app2"] == "1.0.0"
    assert desk.hosts.host("lb1").servers["app1"] == "ready"


def test_list_shows_the_newest_first(stopped: Desk) -> None:
    """Who, when with its zone, how it ended; in JSON with stable keys."""
    stopped("change", "abort", "-e", "lab")
    stopped("deploy", "1.2.0", "-e", "lab", "--yes", "--reason", "sprint 12")
    told = stopped("change", "list", "-e", "lab").out.splitlines()
    assert ["1.2.0" in told[1], "1.1.0" in told[2]] == [True, True]
    assert ["done" in told[1], "taken back" in told[2], "MSK" in told[1]] == [True] * 3
    first = stopped("change", "list", "-e", "lab", "--json", "--last", "1").json["changes"]
    assert len(first) == 1
    assert (first[0]["state"], first[0]["reason"], first[0]["kind"]) == ("done", "sprint 12", "deploy")
    assert first[0]["who"]["principal"] == "admin@lab"
    assert first[0]["seconds"] >= 0


def test_show_tells_the_outcome_of_every_host(stopped: Desk) -> None:
    """The failure's own words, the plan, and in JSON the state of each step and host."""
    said = stopped("change", "show", "-e", "lab")
    assert "app2: failed: it broke" in said.out
    shown = stopped("change", "show", stopped.newest(), "-e", "lab", "--json").json
    assert shown["states"]["batch-1-switch"] == {"app2": "failed"}
    assert shown["states"]["batch-2-switch"] == {"app3": "pending"}
    assert (shown["state"], shown["id"]) == ("stopped", stopped.newest())


def test_an_unknown_change_is_told(desk: Desk) -> None:
    """Exit code 2 and how to find the right one."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    said = desk("change", "show", "../../lease", "-e", "lab")
    assert (said.code, "change list -e lab" in said.err) == (ExitCode.USAGE, True)
