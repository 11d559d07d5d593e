"""The journal of systemd: whose, for which time, and whether it is whole."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from clmdeploy.hostside.acts import logs
from clmdeploy.hostside.acts.call import ActError, Call


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What journalctl is asked, and what it answers; one release runs with one unit."""
    state: dict[str, Any] = {"code": 0, "out": b"one\ntwo\n", "err": b"", "units": ["web.service"]}

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        state["command"] = command
        return subprocess.CompletedProcess(command, state["code"], state["out"], state["err"])

    monkeypatch.setattr(logs.subprocess, "run", run)
    monkeypatch.setattr(logs, "current", lambda _root: "1.0.0-aaaaaaaa" if state["units"] else None)
    monkeypatch.setattr(logs, "components_here", lambda _root, _directory, _groups: [{"units": state["units"]}])
    return state


def asked(**arguments: object) -> dict[str, Any]:
    """The answer to a question."""
    common = {"root": "/opt/clm", "groups": ["app"], "units": [], "lines": 50, "since": ""}
    return logs.ask(Call("logs", "ask", {**common, **arguments}, {}, {}))


def test_the_releases_own_units_are_meant(journal: dict[str, Any]) -> None:
    """Unless others are named; without limits of time none is set."""
    assert asked() == {"units": ["web.service"], "text": "one\ntwo\n", "cut": False}
    assert "--unit=web.service" in journal["command"]
    assert not [word for word in journal["command"] if word.startswith(("--since", "--until"))]
    asked(units=["haproxy.service"])
    assert "--unit=web.service" not in journal["command"]


def test_a_change_has_units_beside_them(journal: dict[str, Any]) -> None:
    """And a time of its own."""
    asked(beside=["clm-c1-*"], since="@100", until="@200")
    assert journal["command"][-4:] == ["--since=@100", "--until=@200", "--unit=web.service", "--unit=clm-c1-*"]


def test_a_host_without_anything_to_tell(journal: dict[str, Any]) -> None:
    """Is a failure where its log was asked for, and none where a change's was."""
    journal["units"] = []
    with pytest.raises(ActError, match="name a unit"):
        asked()
    journal.update(code=1, out=b"", err=b"Failed to add filter for units: No data available\n")
    assert asked(beside=["clm-c1-*"])["text"] == ""
    journal["err"] = b"No journal files were opened due to insufficient permissions."
    with pytest.raises(ActError, match="insufficient permissions"):
        asked(beside=["clm-c1-*"])


def test_what_is_cut_is_told(journal: dict[str, Any]) -> None:
    """By lines, and by size."""
    assert asked(lines=2)["cut"]
    journal["out"] = b"x" * (logs.MOST_TEXT + 1)
    answer = asked()
    assert (answer["cut"], len(answer["text"])) == (True, logs.MOST_TEXT)
