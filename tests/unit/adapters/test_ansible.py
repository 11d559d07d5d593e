"""What Ansible tells of hosts, and what counts: the guard's own reply."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.ansible import PlaybookPerformer
from clmdeploy.adapters.playbook import PlaybookRun
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.hosts import Host

STATISTICS = {"event": "playbook_on_stats", "event_data": {"processed": {"app1": 1}, "changed": {"app1": 1}}}
ACT = Guarded.model_validate({
    "key": "web", "host": Host(name="app1", address="192.0.2.1"), "environment": "e", "guard": "run",
    "playbook": "stage", "act": "stage", "unit": "clm-x-stage",
})  # fmt: skip


def ok(reply: dict[str, Any]) -> dict[str, Any]:
    """The event of a task that brought the guard's reply."""
    text = base64.b64encode(json.dumps(reply).encode()).decode()
    return {"event": "runner_on_ok", "event_data": {"host": "app1", "res": {"changed": True, "reply": text}}}


def outcome(monkeypatch: pytest.MonkeyPatch, *events: dict[str, Any]) -> Outcome:
    """What the performer makes of one act when Ansible tells these events."""

    def run(_run: PlaybookRun, on_event: Any) -> str:
        for event in events:
            on_event(event)
        return ""

    monkeypatch.setattr(PlaybookRun, "_run", run)
    heard: dict[str, Outcome] = {}
    outcomes = PlaybookPerformer(Path("known_hosts")).perform([ACT], heard.__setitem__)
    assert heard.get("web", outcomes["web"]) == outcomes["web"]
    return outcomes["web"]


def test_a_reply_is_the_outcome_whatever_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """An act whose whole result is that something changed has answered: nobody need ask the host again."""
    reply = {"status": "done", "message": "", "result": {"changed": True}}
    assert outcome(monkeypatch, ok(reply), STATISTICS) == Outcome.model_validate(reply)


def test_without_a_reply_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible's closing statistics call the host fine; the guard has said nothing."""
    assert outcome(monkeypatch, STATISTICS).status == "unknown"


def test_a_task_out_of_time_is_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The act may go on on the host: it is timed out, and will be probed."""
    result = {"msg": "Task failed: Timed out after 15 second(s).", "timedout": {"period": 15}}
    event = {"event": "runner_on_failed", "event_data": {"host": "app1", "res": result}}
    assert outcome(monkeypatch, event, STATISTICS).status == "timed-out"


@pytest.mark.parametrize(
    ("code", "said", "status", "acted"),
    [
        (137, "Killed", "unknown", True),
        (0, "", "unknown", True),
        (127, "sh: 1: /usr/local/lib/clmdeploy/guard: not found", "refused", False),
        (1, "sudo: a password is required", "refused", False),
    ],
)
def test_a_guard_without_a_reply_may_have_acted(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str, status: str, acted: bool
) -> None:
    """Its unit may go on without it: that is probed. Only where it never started is nothing to be taken back."""
    result = {"failed": True, "msg": "the guard gave no reply", "code": code, "said": said}
    found = outcome(monkeypatch, {"event": "runner_on_failed", "event_data": {"host": "app1", "res": result}})
    assert (found.status, found.acted) == (status, acted)


CONNECT = "Failed to connect to the host via ssh: ssh: connect to host 192.0.2.1 port 22: Connection timed out"


@pytest.mark.parametrize(
    ("message", "acted"),
    [
        (CONNECT, False),
        (CONNECT.replace("ssh: connect", "mux_client_request_session: read: Broken pipe\r\nssh: connect"), True),
        ("Failed to connect to the host via ssh: Shared connection to 192.0.2.1 closed.", True),
    ],
)
def test_only_who_was_never_reached_never_acted(monkeypatch: pytest.MonkeyPatch, message: str, acted: bool) -> None:
    """A connection that broke may have carried the request; one that never stood has not."""
    event = {"event": "runner_on_unreachable", "event_data": {"host": "app1", "res": {"msg": message}}}
    told = outcome(monkeypatch, event, STATISTICS)
    assert (told.status, told.acted) == ("unreachable", acted)
