"""The guard's own rules: who it is, tokens, names. Running units is shown on real hosts (tests/contract)."""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path

import pytest

from clmdeploy.hostside import guard


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host record in a directory of the test's own."""
    monkeypatch.setattr(guard, "STATE", str(tmp_path))
    monkeypatch.setattr(guard, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(guard, "LOCK_WAIT", 0.1)
    monkeypatch.setattr(guard, "machine_id", lambda: "m1")
    record = {"environment": "e1", "host": "app1", "machine_id": "m1"}
    (tmp_path / "host.json").write_text(json.dumps(record))
    return tmp_path


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"environment": "other"}, "belongs to environment 'other'"),
        ({"host": "app2"}, "belongs to inventory name 'app2'"),
        ({"machine_id": "copied"}, "copied disk"),
    ],
)
def test_a_request_for_another_host_is_refused(home: Path, record: dict[str, str], words: str) -> None:
    """A name or an address that leads to the wrong machine changes nothing there."""
    (home / "host.json").write_text(json.dumps({"environment": "e1", "host": "app1", "machine_id": "m1"} | record))
    with pytest.raises(guard.Refused, match=words):
        guard.check_identity({"environment": "e1", "host": "app1"})


def test_a_bare_host_says_how_to_set_it_up(home: Path) -> None:
    """Without a record nothing is done."""
    (home / "host.json").unlink()
    with pytest.raises(guard.Refused, match="clmdeploy host setup"):
        guard.check_identity({"environment": "e1", "host": "app1"})


def test_tokens_only_grow_and_each_scope_has_its_own(home: Path) -> None:
    """An equal token acts again, an older one never."""
    for token in (3, 3, 5):
        guard.raise_token("fleet", token)
    guard.raise_token("data", 1)
    with pytest.raises(guard.Refused, match="stale token 4"):
        guard.raise_token("fleet", 4)
    assert json.loads((home / "tokens.json").read_text()) == {"fleet": 5, "data": 1}


@pytest.mark.usefixtures("home")
def test_a_second_act_at_the_same_time_is_told_so() -> None:
    """The lock is the kernel's: it goes with its holder."""
    with guard.locked("fleet.lock"), pytest.raises(guard.Refused, match="another act"), guard.locked("fleet.lock"):
        pass


@pytest.mark.usefixtures("home")
def test_acts_on_the_data_and_on_the_fleet_do_not_wait_for_each_other() -> None:
    """A nightly backup never stands in the way of a rollback."""
    with guard.locked("data.lock"), guard.locked("fleet.lock"):
        pass


@pytest.mark.parametrize("name", ["ssh", "clm-../x", "clm-A", "clm-x;reboot", "clm-", "clm-" + "x" * 300])
def test_only_names_of_our_own_become_units(name: str) -> None:
    """A unit's name reaches systemd and the file system."""
    with pytest.raises(guard.Refused):
        guard.checked_unit({"unit": name})


@pytest.mark.parametrize("request_text", ["", "{", "[]", '{"unit": 1}', "null", "{}", '{"unit":"clm-x"}'])
@pytest.mark.parametrize("verb", ["run", "ask", "probe", "fence"])
def test_rubbish_gets_a_reply_and_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, request_text: str
) -> None:
    """The control node can always read what went wrong."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request_text.encode())))
    monkeypatch.setattr(guard, "active_units", lambda _scope: [])
    assert guard.main(["guard", verb]) == 0
    assert json.loads(capsys.readouterr().out)["status"] in ("refused", "failed", "unknown")
    assert not (home / "tokens.json").exists()


def test_acts_and_guard_import_the_standard_library_only() -> None:
    """Hosts have Python and nothing of ours."""
    folder = Path(guard.__file__).parent
    for path in [folder / "guard.py", *(folder / "acts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), f"{path.name}: {names}"


def claim(change: str, expect: int, *, ended: bool = False) -> dict[str, object]:
    return {"change": change, "who": f"{change}'s maker", "since": "now", "expect": expect, "ended": ended}


def test_of_two_who_claim_at_once_one_is_refused(home: Path) -> None:
    """Both have seen token 3 and want 9; the second is told who was faster, and can end nothing of the first's."""
    guard.raise_token("fleet", 3)
    guard.raise_token("fleet", 9, claim("c1", 3))
    for late in (claim("c2", 3), claim("c2", 9), claim("c2", 3, ended=True), claim("c2", 9, ended=True)):
        with pytest.raises(guard.Refused, match="c1's maker"):
            guard.raise_token("fleet", 9, late)
    assert json.loads((home / "tokens.json").read_text())["claim"]["change"] == "c1"


def test_a_claim_may_be_said_twice_raised_and_ended_by_its_own_change(home: Path) -> None:
    """The answer may have been lost; the work may be gone on with; and it ends."""
    guard.raise_token("fleet", 9, claim("c1", 0))
    guard.raise_token("fleet", 9, claim("c1", 0))
    guard.raise_token("fleet", 20, claim("c1", 9))
    guard.raise_token("fleet", 20, claim("c1", 20, ended=True))
    assert json.loads((home / "tokens.json").read_text())["claim"]["ended"] is True


def test_a_lease_with_a_larger_token_ends_a_claim_of_its_scope_only(home: Path) -> None:
    """The other scope's leases go on meanwhile."""
    guard.raise_token("fleet", 9, claim("c1", 0))
    with pytest.raises(guard.Refused, match="without the storage"):
        guard.raise_token("fleet", 4)
    guard.raise_token("data", 5)
    assert "claim" in json.loads((home / "tokens.json").read_text())
    guard.raise_token("fleet", 10)
    assert json.loads((home / "tokens.json").read_text()) == {"fleet": 10, "data": 5}
