"""The log is stored when the segment that ends now has arrived, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.hostside.acts import log_stored
from clmdeploy.hostside.acts.call import ActError, Call

WANTED, BEFORE = "000000010000000000000007", "000000010000000000000006"


def served(monkeypatch: pytest.MonkeyPatch, *archived: str) -> list[str]:
    """A server that has archived these, one at each look; what it is asked."""
    asked: list[str] = []
    looks = list(archived)

    def ask(_arguments: dict[str, Any], statement: str) -> list[list[str]]:
        asked.append(statement)
        if "pg_switch_wal" in statement:
            return [[WANTED, "f"]]
        return [[looks.pop(0) if len(looks) > 1 else looks[0], BEFORE]] if "archiver" in statement else [["1"]]

    monkeypatch.setattr(log_stored.postgres, "ask", ask)
    monkeypatch.setattr(log_stored, "INTERVAL", 0)
    return asked


def test_it_waits_for_the_segment_that_ends_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit goes into it before: recovery to a moment ends at none, or fails."""
    asked = served(monkeypatch, "", BEFORE, WANTED)
    call = Call("log_stored", "perform", {"timeout": 60}, {}, {})
    assert log_stored.perform(call) == {"archived": WANTED}
    assert "pg_current_xact_id" in asked[0]
    assert len(asked) == 5


def test_at_the_deadline_it_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the archive refused last."""
    served(monkeypatch, BEFORE)
    with pytest.raises(ActError, match=f"{WANTED} does not arrive in the archive .failed last: {BEFORE}"):
        log_stored.perform(Call("log_stored", "perform", {"timeout": 0}, {}, {}))
