"""Recovery that was cut off: it counts as done only where all of it was done, and ended where it should have."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.hostside.acts import recovery
from clmdeploy.hostside.acts.call import Call

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
