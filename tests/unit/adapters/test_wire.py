"""What a guard says becomes an outcome, in both languages; nothing that looks like a secret gets into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clmdeploy.adapters.wire import SETUP_HINT, read_reply
from clmdeploy.hostside import guard
from clmdeploy.model.bilingual import russian
from clmdeploy.model.secret import REDACTED

CLAIM = {"change": "c9", "who": "petrov@lab (root@ctl2)", "since": "03:00", "expect": 5, "ended": False}


def test_a_message_has_no_secrets() -> None:
    """A unit's last words come from a program that clmdeploy does not know, and end in the journal and in mail."""
    said = "clm-web.service failed\ncannot connect: password=hunter2 user=clm"
    outcome = read_reply(0, json.dumps({"status": "failed", "message": said}).encode(), b"")
    assert outcome.message == f"clm-web.service failed\ncannot connect: password={REDACTED} user=clm"
    assert "hunter2" not in read_reply(1, b"", b"Traceback: postgresql://clm:hunter2@db/clm").message


def test_other_words_come_as_they_were() -> None:
    """The reasons of the guard itself, and a host without one."""
    said = "stale token 4: this host has already seen 5; another change took over"
    outcome = read_reply(0, json.dumps({"status": "refused", "message": said, "result": {"seen": 5}}).encode(), b"")
    assert (outcome.status, outcome.message, outcome.result) == ("refused", said, {"seen": 5})
    assert read_reply(127, b"", b"guard: command not found").message == SETUP_HINT


def refusal(token: int) -> bytes:
    """The guard's reply to an older token."""
    with pytest.raises(guard.Refused) as told:
        guard.raise_token("fleet", token)
    return json.dumps({"status": "refused", "message": str(told.value), "result": told.value.facts}).encode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has seen token 5."""
    monkeypatch.setattr(guard, "STATE", str(tmp_path))
    guard.raise_token("fleet", 5)


@pytest.mark.usefixtures("home")
def test_an_older_token_is_refused_in_both_languages() -> None:
    """Guards speak English; what they found instead comes beside the words."""
    outcome = read_reply(0, refusal(4), b"")
    assert outcome.complaint("app1").startswith("app1: stale token 4: this host has already seen 5; another change")
    said = russian(outcome.complaint("app1"))
    assert said == "app1: токен 4 устарел: этот узел уже видел 5; работу перехватило другое изменение"


@pytest.mark.usefixtures("home")
def test_whoever_claimed_the_host_is_named_in_both() -> None:
    """Who is at work without the storage, since when, and with which change."""
    guard.raise_token("fleet", 9, CLAIM)
    said = russian(read_reply(0, refusal(6), b"").message)
    assert "этот узел уже видел 9; petrov@lab (root@ctl2) работает здесь без хранилища с 03:00 (изменение c9)" in said


@pytest.mark.parametrize("result", [{}, {"stale": None}, {"stale": {"token": 4}}, {"stale": [4]}])
def test_what_an_older_guard_says_is_told_as_it_is(result: dict[str, object]) -> None:
    """It knows nothing of such facts."""
    reply = json.dumps({"status": "refused", "message": "stale token 4", "result": result}).encode()
    assert russian(read_reply(0, reply, b"").message) == "stale token 4"
