"""Guarded acts over SSH: what a broken connection means. Real hosts are in the contract suite."""

from __future__ import annotations

import pytest

from clmdeploy.adapters import ssh
from clmdeploy.adapters.ssh import SshPerformer
from clmdeploy.changes.guarded import Guarded, GuardVerb, Outcome
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host

HOST = Host(name="app1", address="192.0.2.1")


class Line:
    """Connections that break as often as told, then hold."""

    def __init__(self, breaks: int, reachable: bool = True) -> None:
        self.breaks, self.reachable, self.asked = breaks, reachable, 0

    def to(self, _host: Host) -> Line:
        if not self.reachable:
            raise HostUnreachable("no route")
        return self

    def close(self) -> None:
        """Nothing to close."""

    def exchange(self, *_request: object) -> tuple[int, bytes, bytes]:
        self.asked += 1
        if self.asked <= self.breaks:
            raise EOFError("connection lost")
        return 0, b'{"status": "done", "message": "", "result": {}}', b""


def outcome_of(line: Line, guard: GuardVerb, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.setattr(ssh, "exchange", line.exchange)
    act = Guarded(key="app1", host=HOST, environment="e", guard=guard, act="health", unit="clm-c1-x")
    return SshPerformer(line).perform([act], lambda _key, _outcome: None)["app1"]  # type: ignore[arg-type]


@pytest.mark.parametrize("guard", ["ask", "probe", "fence"])
def test_a_question_whose_connection_broke_is_asked_again(guard: GuardVerb, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost packet must not fail a health gate and take a release back; a second loss is told."""
    assert outcome_of(Line(breaks=1), guard, monkeypatch).status == "done"
    assert outcome_of(Line(breaks=2), guard, monkeypatch).status == "unreachable"


def test_an_act_is_never_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been done: what became of it is asked, not guessed."""
    line = Line(breaks=1)
    outcome = outcome_of(line, "run", monkeypatch)
    assert (outcome.status, outcome.acted, line.asked) == ("unreachable", True, 1)


def test_a_host_without_a_connection_has_not_acted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not tried again at once: connecting had its own time limit."""
    outcome = outcome_of(Line(breaks=0, reachable=False), "run", monkeypatch)
    assert (outcome.status, outcome.acted) == ("unreachable", False)
