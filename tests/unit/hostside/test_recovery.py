"""Recovery that was cut off: it counts as done only where all of it was done, and ended where it should have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import recovery
from clmdeploy.hostside.acts.call import ActError, Call

NAMED = {"slots": ["db2"], "lsn": "0/4000028", "least": ""}


@pytest.mark.parametrize(
    ("arguments", "slots", "settings", "fork", "state"),
    [
        (NAMED, ["db2"], [], "0/4000028", "done"),
        (NAMED, [], [], "0/4000028", "partial"),
        (NAMED, ["db2"], ["restore_command"], "0/4000028", "partial"),
        (NAMED, ["db2"], [], "0/4000100", "partial"),
        (NAMED | {"lsn": "", "least": "1/0"}, ["db2"], [], "1/28", "done"),
        (NAMED | {"lsn": "", "least": "1/0"}, ["db2"], [], "0/FF000000", "partial"),
    ],
    ids=["done", "no slot", "still set", "elsewhere", "to the end", "before the end"],
)
def test_what_was_cut_off_half_way_is_done_once_more(
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    slots: list[str],
    settings: list[str],
    fork: str,
    state: str,
) -> None:
    """A standby without its slot can't stream; a log that ended early is no success."""
    monkeypatch.setattr(recovery.postgres, "answers", lambda _arguments: True)
    monkeypatch.setattr(recovery, "_recovers", lambda _arguments: False)
    monkeypatch.setattr(recovery, "_settings", lambda _arguments: settings)
    monkeypatch.setattr(recovery, "fork_of", lambda _arguments: (2, fork))
    monkeypatch.setattr(recovery.postgres, "ask", lambda _arguments, _statement: [[slot] for slot in slots])
    assert recovery.probe(Call("recovery", "probe", arguments, {}, {}))["state"] == state


MISSED = "the server ended in recovery: FATAL:  recovery ended before configured recovery target was reached"


@pytest.mark.parametrize(
    ("or_end", "why", "reached"), [(True, MISSED, True), (False, MISSED, False), (True, "disk full", False)]
)
def test_a_moment_behind_the_last_commit_is_the_end_of_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, or_end: bool, why: str, reached: bool
) -> None:
    """Where the log is known to be whole and to end behind it; else the failure stands, and so do the settings."""
    settings = tmp_path / "postgresql.auto.conf"
    settings.write_text("# by pgBackRest\nrecovery_target_time = '2026-01-05'\nrecovery_target_action = 'promote'\n")

    def recover(_arguments: dict[str, Any], _deadline: float) -> None:
        if "recovery_target_time" in settings.read_text():
            raise ActError(why)

    monkeypatch.setattr(recovery, "_recover", recover)
    monkeypatch.setattr(recovery, "_settings", lambda _arguments: [])
    monkeypatch.setattr(recovery, "fork_of", lambda _arguments: (2, "0/4000028"))
    monkeypatch.setattr(recovery.postgres, "ask", lambda _arguments, _statement: [])
    monkeypatch.setattr(recovery.log_stored, "end_segment", lambda _arguments, _deadline: "0" * 24)
    call = Call("recovery", "perform", {"data": str(tmp_path), "timeout": 60, "slots": [], "or_end": or_end}, {}, {})
    if reached:
        assert recovery.perform(call)["fork"] == "0/4000028"
        assert settings.read_text() == "# by pgBackRest\nrecovery_target_action = 'promote'\n"
    else:
        with pytest.raises(ActError):
            recovery.perform(call)
        assert "recovery_target_time" in settings.read_text()
