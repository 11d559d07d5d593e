"""Throwaway directories: private, and gone afterwards, even when a run was killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clmdeploy.adapters import rundir


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the test's own."""
    monkeypatch.setattr(rundir, "memory_directory", lambda: tmp_path)
    return tmp_path


def test_a_directory_is_private_and_gone_afterwards(memory: Path) -> None:
    """Variables and environments are written there."""
    with rundir.run_directory() as place:
        assert place.parent == memory
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_what_a_killed_run_left_is_removed_and_nothing_else(memory: Path) -> None:
    """A directory names its process; other names, links and those of living processes stay."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, alive, other = (memory / name for name in (f"clmdeploy-{gone.pid}-a", f"clmdeploy-{os.getpid()}-b", "other"))
    for place in (left, alive, other):
        place.mkdir()
    link = memory / f"clmdeploy-{gone.pid}-link"
    link.symlink_to(other)
    rundir.wipe_stale()
    assert (left.exists(), alive.exists(), other.exists()) == (False, True, True)


def test_a_directory_that_vanishes_meanwhile_is_no_fault(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs start and end beside each other."""
    left = memory / "clmdeploy-999999999-a"
    left.mkdir()
    listed = [left]
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter(listed))
    shutil.rmtree(left)
    rundir.wipe_stale()
