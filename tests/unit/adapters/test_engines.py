"""Engine calls: works become commands for one act on hosts, whose raw replies become small results."""

from __future__ import annotations

import base64
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from clmdeploy.adapters import engine_progress
from clmdeploy.adapters.clock import SystemClock
from clmdeploy.adapters.engines import EnginePerformer
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.engine import Progress
from clmdeploy.backups.work import Arguments, Found, WorkFailed
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.hosts import Host


class Echo:
    """A work that says back what its command said; `question` is empty for `mild` ones."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        if arguments.get("senseless"):
            raise WorkFailed("that makes no sense")
        return (
            Command(("engine", str(arguments["word"])), 30, {"A": "b"}, {"KEY": "/secret"}, b"in", user="clm-backup"),
        )

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        if completed[-1].code:
            raise WorkFailed(f"ended with {completed[-1].code}", "try again")
        return {"said": completed[0].stdout.decode(), "word": arguments["word"]}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        return () if arguments.get("mild") else (Command(("engine", "list"), 5),)

    def state(self, _arguments: Arguments, completed: Sequence[Completed]) -> Found:
        return {"state": "done" if completed else "not-done"}

    def progress(self, _arguments: Arguments, line: bytes) -> Progress | None:
        return Progress(int(line), 100) if line.isdigit() else None


class Scripted:
    """Hosts that answer what a test says, and remember what they were sent."""

    def __init__(self, answer: Callable[[Guarded], Outcome]) -> None:
        self.answer, self.sent = answer, list[Guarded]()

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        outcomes = {}
        for act in acts:
            self.sent.append(act)
            outcomes[act.key] = self.answer(act)
            listen(act.key, outcomes[act.key])
        return outcomes


def packed(said: bytes) -> str:
    return base64.b64encode(zlib.compress(said)).decode()


def replied(*commands: tuple[int, bytes]) -> Outcome:
    told = [{"code": code, "stdout": packed(said), "stderr": packed(b""), "cut": False, "late": False}
            for code, said in commands]  # fmt: skip
    return Outcome(status="done", result={"completed": told})


def act(**fields: Any) -> Guarded:
    told = {"key": "backup1", "host": Host(name="backup1", address="192.0.2.5"), "environment": "u", "guard": "run",
            "act": "echo", "unit": "clm-c-1", "timeout": 600, "arguments": {"word": "x"}}  # fmt: skip
    return Guarded.model_validate({**told, **fields})


def performed(hosts: Scripted, asked: Guarded) -> tuple[Outcome, list[Outcome]]:
    heard: list[Outcome] = []
    performer = EnginePerformer(hosts, {"echo": Echo()}, SystemClock())
    outcome = performer.perform([asked], lambda _key, one: heard.append(one))[asked.key]
    return outcome, heard


def test_a_work_travels_as_commands_and_comes_back_as_a_result() -> None:
    """What the engine said raw goes no further than here."""
    hosts = Scripted(lambda _act: replied((0, b"hello")))
    outcome, heard = performed(hosts, act())
    assert outcome == Outcome(status="done", result={"said": "hello", "word": "x"})
    assert heard == [outcome]
    (sent,) = hosts.sent
    assert (sent.act, sent.verb, sent.unit) == ("engine", "perform", "clm-c-1")
    assert sent.arguments["progress"] == "clm-c-1"
    (command,) = sent.arguments["commands"]
    assert command["argv"] == ["engine", "x"]
    assert (command["user"], command["secrets"]) == ("clm-backup", {"KEY": "/secret"})
    assert base64.b64decode(command["stdin"]) == b"in"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (replied((82, b"")), "failed", "ended with 82\ntry again"),
        (Outcome(status="done", result={}), "failed", "no command"),
        (Outcome(status="refused", message="stale token"), "refused", "stale token"),
        (Outcome(status="unreachable", message="gone"), "unreachable", "gone"),
    ],
)
def test_what_went_wrong_is_that_host_s_outcome(answer: Outcome, status: str, words: str) -> None:
    """The engine's failure with its remedy; what guard and network say stays as it is."""
    outcome, _ = performed(Scripted(lambda _act: answer), act())
    assert outcome.status == status
    assert words in outcome.message


def test_what_can_t_be_built_is_never_sent() -> None:
    """It is sure that nothing was begun."""
    hosts = Scripted(lambda _act: replied((0, b"")))
    for asked in (act(arguments={"senseless": True}), act(act="unheard-of")):
        outcome, _ = performed(hosts, asked)
        assert (outcome.status, outcome.acted) == ("failed", False)
    assert hosts.sent == []


def test_a_kept_reply_is_read_like_a_fresh_one() -> None:
    """Another control node asks the guard what became of the unit."""
    outcome, _ = performed(Scripted(lambda _act: replied((0, b"kept"))), act(guard="probe"))
    assert outcome.result["said"] == "kept"


def test_a_question_is_asked_without_unit_and_token() -> None:
    """Of what was made; of a work that leaves nothing behind nobody is asked."""
    hosts = Scripted(lambda _act: replied((0, b"list")))
    outcome, _ = performed(hosts, act(guard="ask", verb="probe"))
    assert outcome.result == {"state": "done"}
    assert (hosts.sent[0].guard, hosts.sent[0].verb) == ("ask", "ask")
    outcome, _ = performed(hosts, act(guard="ask", verb="probe", arguments={"word": "x", "mild": True}))
    assert outcome.result == {"state": "not-done"}
    assert len(hosts.sent) == 1


def test_commands_end_before_their_act_does() -> None:
    """Else the guard would end both, and nobody would read what the engine said."""
    hosts = Scripted(lambda _act: replied((0, b"")))
    performed(hosts, act(timeout=100))
    assert hosts.sent[0].arguments["commands"][0]["timeout"] == 30
    performed(hosts, act(timeout=40))
    assert hosts.sent[1].arguments["commands"][0]["timeout"] == 20


def test_progress_is_heard_while_an_act_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In flight with bytes; after the outcome nothing is told any more."""
    monkeypatch.setattr(engine_progress, "FIRST", 0.02)
    asked = threading.Semaphore(0)

    def answer(sent: Guarded) -> Outcome:
        if sent.act == "progress":
            asked.release()
            return Outcome(status="done", result={"line": base64.b64encode(b"42").decode()})
        for _ in range(3):
            assert asked.acquire(timeout=10)
        return replied((0, b"hello"))

    outcome, heard = performed(Scripted(answer), act())
    assert heard[-1] == outcome
    assert heard[0].status == "in-flight"
    assert heard[0].result["progress"] | {"rate": 0, "remaining": None} == {
        "bytes": 42, "total": 100, "files": 0, "rate": 0, "remaining": None,
    }  # fmt: skip
