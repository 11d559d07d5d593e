"""What a guard says becomes an outcome; nothing that looks like a secret gets into it."""

from __future__ import annotations

import json

from clmdeploy.adapters.wire import SETUP_HINT, read_reply
from clmdeploy.model.secret import REDACTED


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
