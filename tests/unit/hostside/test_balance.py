"""What a balancer's host writes down of servers that it holds drained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import balance, record
from clmdeploy.hostside.acts.call import Call

SERVER = "clm_web/app1"
UNDRAIN = {
    "socket": "/run/x", "backend": "clm_web", "server": "app1", "state": "ready", "expect": "drain", "limit": 5,
    "change": "c1",
}  # fmt: skip


@pytest.mark.parametrize("drained", [{SERVER: "c1"}, {SERVER: "c1", "clm_web/app2": "c0"}, {}])
def test_a_restarted_balancer_leaves_nothing_written_as_drained(
    drained: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came up with every server ready: undraining has nothing to set, and still the record forgets the server."""
    file = tmp_path / "host.json"
    file.write_text(json.dumps({"drained": drained}), "utf-8")
    monkeypatch.setattr(record, "PATH", str(file))
    monkeypatch.setattr(balance, "admin_state", lambda _arguments: "ready")
    monkeypatch.setattr(balance, "_stat", lambda _arguments: {"status": "UP", "scur": "0"})
    call = Call("balance", "perform", UNDRAIN, {}, {})
    assert balance.perform(call) == {"state": "ready", "changed": False}
    left = {name: change for name, change in drained.items() if name != SERVER}
    assert json.loads(file.read_text("utf-8"))["drained"] == left
