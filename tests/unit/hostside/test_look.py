"""What a host tells of itself before anything of ours is on it."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from clmdeploy.hostside import look as host_look
from clmdeploy.model.checks import HostLook


def test_it_runs_alone_from_standard_input(tmp_path: Path) -> None:
    """As it comes over SSH: nothing but the standard library, one JSON object."""
    guard = tmp_path / "guard"
    guard.write_text("a guard")
    script = (files("clmdeploy.hostside") / "look.py").read_bytes()
    command = [sys.executable, "-IS", "-", str(tmp_path / "not" / "there"), str(guard)]
    told = json.loads(subprocess.run(command, input=script, capture_output=True, check=True, timeout=30).stdout)
    del told["clock"], told["root"]
    look = HostLook.model_validate({**told, "reachable": True})
    assert look.guard == hashlib.sha256(b"a guard").hexdigest()
    assert look.python == sys.version_info[:3]
    assert str(tmp_path / "not" / "there") in look.places


def test_a_bare_host_has_no_guard(tmp_path: Path) -> None:
    """Absence is an answer, not a failure."""
    assert host_look.look(str(tmp_path), str(tmp_path / "guard"))["guard"] is None


def test_it_parses_on_old_pythons() -> None:
    """A host whose Python is too old must be able to say so."""
    source = (files("clmdeploy.hostside") / "look.py").read_text()
    ast.parse(source, feature_version=(3, 4))
    assert "from __future__" not in source
    assert 'f"' not in source
