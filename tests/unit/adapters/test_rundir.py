"""Throwaway directories: private, and gone afterwards, even when a run was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clmdeploy.adapters import rundir
from clmdeploy.adapters.processes import VARIABLE, Process, own_process
from clmdeploy.model.errors import OutcomeUnknown


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the test's own."""
    monkeypatch.setattr(rundir, "_candidates", lambda: [tmp_path])
    return tmp_path


@pytest.fixture
def gone() -> Process:
    """A process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Process(process.pid, 1)


def directory(memory: Path, owner: Process) -> Path:
    """Where a directory of this owner would be."""
    return memory / f"{rundir.name_of(owner)}a"


def belonging_to(run: Path) -> subprocess.Popen[bytes]:
    """A process that some run has started."""
    return subprocess.Popen(["sleep", "600"], env={**os.environ, VARIABLE: str(run)}, start_new_session=True)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Who dies belongs to no run any more a moment before the kernel lets anybody wait for it; who lives, lives on."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def test_a_directory_is_private_and_gone_afterwards(memory: Path) -> None:
    """Variables and environments are written there."""
    with rundir.run_directory() as place:
        assert place.parent == memory
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_what_a_killed_run_left_is_removed_and_nothing_else(memory: Path, gone: Process) -> None:
    """A directory names its process; other names, links and those of living processes stay."""
    left, alive, other = directory(memory, gone), directory(memory, own_process()), memory / "other"
    for place in (left, alive, other):
        place.mkdir()
    link = memory / f"{left.name}-link"
    link.symlink_to(other)
    rundir.clear_stale()
    assert (left.exists(), alive.exists(), other.exists()) == (False, True, True)


def test_a_reused_process_id_keeps_no_directory_alive(memory: Path) -> None:
    """Another process has the number of the one that was killed: it began at another time."""
    own = own_process()
    left = directory(memory, Process(own.pid, own.started - 1))
    left.mkdir()
    rundir.clear_stale()
    assert not left.exists()


def test_processes_of_a_killed_run_are_ended_before_its_directory_goes(memory: Path, gone: Process) -> None:
    """They may still act on hosts. What belongs to a living run is left alone, whoever its parent is."""
    left, alive = directory(memory, gone), directory(memory, own_process())
    left.mkdir()
    alive.mkdir()
    orphan, neighbour = belonging_to(left), belonging_to(alive)
    try:
        rundir.clear_stale()
        _await_end(orphan)
        assert (orphan.poll() is not None, neighbour.poll()) == (True, None)
        assert (left.exists(), alive.exists()) == (False, True)
    finally:
        for process in (orphan, neighbour):
            process.kill()
            process.wait()


def test_processes_are_found_without_their_directory(memory: Path, gone: Process) -> None:
    """Something else has removed it: they may act on hosts all the same."""
    orphan = belonging_to(directory(memory, gone))
    try:
        rundir.clear_stale()
        _await_end(orphan)
        assert orphan.poll() is not None
    finally:
        orphan.kill()
        orphan.wait()


def test_what_another_container_owns_is_left_alone(memory: Path, gone: Process) -> None:
    """Its process IDs mean nothing here: whether their owner lives can't be told."""
    place = memory / f"clmdeploy-{gone.pid}-{gone.started}-1-a"
    place.mkdir()
    neighbour = belonging_to(place)
    try:
        rundir.clear_stale()
        assert (place.exists(), neighbour.poll()) == (True, None)
    finally:
        neighbour.kill()
        neighbour.wait()


def test_nothing_acts_beside_what_can_not_be_ended(
    memory: Path, gone: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process hangs in the kernel, say."""
    left = directory(memory, gone)
    monkeypatch.setattr(rundir, "processes_by_run", lambda: {left: [own_process()]})
    monkeypatch.setattr(rundir, "end_processes_of", lambda _place: [own_process()])
    with pytest.raises(OutcomeUnknown, match=f"do not end: {os.getpid()}"):
        rundir.clear_stale()


def test_a_directory_that_vanishes_meanwhile_is_no_fault(
    memory: Path, gone: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programs start and end beside each other."""
    left = directory(memory, gone)
    left.mkdir()
    listed = [left]
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter(listed))
    shutil.rmtree(left)
    rundir.clear_stale()
