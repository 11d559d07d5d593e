"""`clmdeploy host` and `doctor` without hosts: what is told, and with which exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.hosts import Host
from clmdeploy.runtime import Runtime
from tests.unit.cli.desk import Desk
from tests.unit.cli.test_documented import documented
from tests.unit.queries import test_doctor as sound

Prepared = Callable[[dict[str, Outcome]], list[str]]


@pytest.fixture
def preparing(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """Stands in for the playbook: gives the outcomes, and remembers the hosts."""

    def giving(outcomes: dict[str, Outcome]) -> list[str]:
        asked: list[str] = []

        def prepare(
            _self: Runtime, hosts: Sequence[Host], listen: OutcomeListener, *, check: bool
        ) -> dict[str, Outcome]:
            asked.extend(host.name + ("?" if check else "") for host in hosts)
            for host in hosts:
                listen(host.name, outcomes[host.name])
            return {host.name: outcomes[host.name] for host in hosts}

        monkeypatch.setattr(Runtime, "prepare", prepare)
        return asked

    return giving


def done(changed: int) -> Outcome:
    return Outcome(status="done", result={"changed": changed})


def answering(desk: Desk, **answers: Any) -> None:  # Any: the result of each host
    """What `host exec` and `host logs` get from each host; an Outcome as it is."""

    def answer(act: Guarded) -> Outcome | None:
        if act.act not in ("inspect", "logs"):
            return None
        given = answers[act.host.name]
        return given if isinstance(given, Outcome) else Outcome(status="done", result=given)

    desk.hosts.before = answer


def ran(code: int = 0, stdout: str = "", stderr: str = "") -> dict[str, Any]:
    return {"code": code, "stdout": stdout, "stderr": stderr, "user": "clm", "cut": False}


def test_setup_tells_each_host(desk: Desk, preparing: Prepared) -> None:
    """What was changed and what was as it should be; the lease is free again."""
    asked = preparing({"app1": done(6), "app2": done(0)})
    said = desk("host", "setup", "-e", "lab", "--limit", "app1,app2", "--yes")
    assert (said.code, asked) == (0, ["app1", "app2"])
    assert said.out.splitlines() == ["app1: 6 things changed", "app2: as it should be"]
    standing = desk.runtime().leases.read("fleet")
    assert standing is not None
    assert not standing[0].held


@pytest.mark.parametrize("closed", [False, True])
def test_setup_without_anybody_to_ask_names_the_flag(
    desk: Desk, preparing: Prepared, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """Without a terminal, and where standard input is closed: exit code 2, and no host is touched."""
    if closed:
        monkeypatch.setattr(sys, "stdin", None)
    asked = preparing({"app1": done(6)})
    said = desk("host", "setup", "-e", "lab", "--limit", "app1")
    assert (said.code, "--yes" in said.err, asked) == (2, True, [])


def test_check_takes_no_lease_and_asks_nothing(desk: Desk, preparing: Prepared) -> None:
    """It changes nothing."""
    asked = preparing({"app1": done(6)})
    said = desk("host", "setup", "-e", "lab", "--limit", "app1", "--check")
    assert (said.code, asked, said.out) == (0, ["app1?"], "app1: 6 things would change\n")
    assert desk.runtime().leases.read("fleet") is None


@pytest.mark.parametrize(("changed", "code"), [(0, 4), (6, 5)])
def test_setup_fails_with_what_stands(desk: Desk, preparing: Prepared, changed: int, code: int) -> None:
    """Hosts and next command; exit code 5 when others were changed. JSON carries the error beside the hosts."""
    preparing({"app1": done(changed), "app2": Outcome(status="failed", message="no sudo")})
    words = ("host", "setup", "-e", "lab", "--limit", "app1,app2", "--yes")
    said = desk(*words)
    assert said.code == code
    assert "app2: no sudo" in said.err
    assert "clmdeploy host setup -e lab --limit app2" in said.err
    told = desk(*words, "--json")
    assert (told.code, told.json["error"]["exit_code"], len(told.json["hosts"])) == (code, code, 2)


def test_exec_shows_lines_behind_their_host(desk: Desk) -> None:
    """One host alone has no prefix; nothing in the words can steer the terminal."""
    answering(desk, app1=ran(stdout="one\ntwo\x1b[2J\n"), app2=ran(stdout="three\n"), app3=ran())
    assert desk("host", "exec", "-e", "lab", "app", "--", "uptime").out.splitlines() == [
        "app1 | one", r"app1 | two\x1b[2J", "app2 | three",
    ]  # fmt: skip
    assert desk("host", "exec", "-e", "lab", "app2", "--", "uptime").out == "three\n"


def test_exec_fails_when_the_command_does(desk: Desk) -> None:
    """Exit code 4 with each host's own code; a host that could not be asked is a failure too."""
    silent = Outcome(status="unreachable", message="app3 does not answer")
    answering(desk, app1=ran(), app2=ran(3, stderr="bad\n"), app3=silent)
    said = desk("host", "exec", "-e", "lab", "app", "--", "false")
    assert said.code == 4
    assert "app2 | bad" in said.err
    assert "app2: exit code 3\napp3 does not answer" in said.err
    told = desk("host", "exec", "-e", "lab", "app", "--json", "--", "false", "--json")
    assert told.json["command"] == ["false", "--json"]
    assert told.json["hosts"]["app2"]["code"] == 3


def test_exec_needs_a_host_that_exists(desk: Desk) -> None:
    """Usage, with the names that exist; nobody is asked."""
    said = desk("host", "exec", "-e", "lab", "app9", "--", "true")
    assert (said.code, "app1" in said.err, desk.hosts.asked) == (2, True, 0)


def test_logs_are_shown_as_they_are(desk: Desk) -> None:
    """A host whose journal can't be read is named."""
    answering(
        desk, app1={"units": ["web.service"], "text": "started\n"}, app2=Outcome(status="failed", message="no unit")
    )
    assert desk("host", "logs", "-e", "lab", "app1").out == "started\n"
    said = desk("host", "logs", "-e", "lab", "app2")
    assert (said.code, "app2: no unit" in said.err) == (4, True)


def test_facts_show_what_runs(desk: Desk) -> None:
    """A silent host is named, the others are shown all the same."""
    desk.hosts.silent.add("app2")
    said = desk("host", "facts", "-e", "lab")
    assert said.code == 4
    assert "app2: no route to host" in said.err
    assert "web.service active" in said.out
    (facts,) = desk("host", "facts", "-e", "lab", "app1", "--json").json["hosts"]
    assert (facts["version"], facts["reachable"]) == ("1.0.0", True)


def test_doctor_ends_with_the_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 while nothing would stop work; what is in order takes one line a place."""
    monkeypatch.setattr(Runtime, "instruments", lambda _self: sound.instruments())
    said = desk("doctor", "-e", "lab")
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("0 faults, 0 warnings")
    assert desk("doctor", "-e", "lab", "--verbose").out.count("\n") > said.out.count("\n")


def test_doctor_fails_with_remedies(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, the remedy below its fault; in JSON the verdict over all."""
    bare = sound.SOUND.model_copy(update={"guard": None})
    given = sound.instruments(inspector=sound.Looks({"app1": bare}))
    monkeypatch.setattr(Runtime, "instruments", lambda _self: given)
    said = desk("doctor", "-e", "lab")
    assert (said.code, "clmdeploy host setup -e lab --limit app1" in said.out) == (4, True)
    told = desk("doctor", "-e", "lab", "--json")
    assert (told.code, told.json["verdict"]) == (4, "fail")


def test_json_has_the_documented_keys(desk: Desk, preparing: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/json.md misses no key and promises none too many."""
    preparing({"app1": done(1)})
    setup = desk("host", "setup", "-e", "lab", "--limit", "app1", "--yes", "--json").json
    assert setup.keys() == documented("host-setup/1")
    assert desk("host", "facts", "-e", "lab", "--json").json.keys() == documented("host-facts/1")
    answering(desk, app1=ran())
    assert desk("host", "exec", "-e", "lab", "app1", "--json", "--", "true").json.keys() == documented("host-exec/1")
    assert desk("host", "logs", "-e", "lab", "app1", "--json").json.keys() == documented("host-logs/1")
    monkeypatch.setattr(Runtime, "instruments", lambda _self: sound.instruments())
    assert desk("doctor", "-e", "lab", "--json").json.keys() == documented("doctor/1")
