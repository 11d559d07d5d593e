"""What the guard has kept of one change's units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import results
from clmdeploy.hostside.acts.call import ActError, Call


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guard's directory."""
    monkeypatch.setattr(results, "ACTS", str(tmp_path))
    return tmp_path


def asked(change: str) -> dict[str, Any]:
    """The answer for a change."""
    return results.ask(Call("results", "ask", {"change": change}, {}, {}))


def test_only_the_changes_own_results_are_told(kept: Path) -> None:
    """Unit by unit; those of another change whose ID begins alike are not."""
    for name in ("clm-c1-stage-1", "clm-c1-switch-1", "clm-c10-stage-1", "clm-c2-stage-1"):
        (kept / f"{name}.json").write_text(json.dumps({"status": "done", "message": name, "result": {}}))
    found = asked("C1")
    assert list(found["units"]) == ["clm-c1-stage-1", "clm-c1-switch-1"]
    assert found["units"]["clm-c1-stage-1"]["status"] == "done"
    assert not found["cut"]


def test_they_fit_the_guards_reply(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not is left out, and that is told."""
    monkeypatch.setattr(results, "MOST_BYTES", 100)
    for number in range(3):
        (kept / f"clm-c1-stage-{number}.json").write_text(json.dumps({"message": "x" * 30}))
    found = asked("c1")
    assert (len(found["units"]), found["cut"]) == (2, True)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("change", ["", "../etc", "a/b", "c1 "])
def test_only_ids_are_looked_for(change: str) -> None:
    """Never another file."""
    with pytest.raises(ActError, match="not the ID"):
        asked(change)
