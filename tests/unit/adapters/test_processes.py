"""Which processes belong to a run, and how they are ended: those, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clmdeploy.adapters.processes import VARIABLE, Process, end_processes_of, own_process, processes_of, send

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes in sessions of their own; they are gone afterwards."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(run: Path | None, *argv: str, executable: str | None = None) -> subprocess.Popen[bytes]:
        variables = {**os.environ, **({VARIABLE: str(run)} if run else {})}
        begun.append(subprocess.Popen(argv, executable=executable, env=variables, start_new_session=True))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()


def test_only_processes_that_name_the_very_directory_belong(start: Start, tmp_path: Path) -> None:
    """Another run's, and one whose directory begins alike, are strangers."""
    ours, other = tmp_path / "run-1", tmp_path / "run-12"
    process = start(ours, "sleep", "600")
    start(other, "sleep", "600")
    start(None, "sleep", "600", str(ours))
    assert [one.pid for one in processes_of(ours)] == [process.pid]


def test_a_shared_connection_is_known_by_its_title(start: Start, tmp_path: Path) -> None:
    """ssh overwrites its environment with `ssh: SOCKET [mux]`."""
    run = tmp_path / "clmdeploy-1-1-a"
    master = start(None, f"ssh: {run}/0123456789 [mux]", "600", executable="/bin/sleep")
    start(None, f"ssh: {run}-other/0123456789 [mux]", "600", executable="/bin/sleep")
    start(None, "ssh: /home/anna/.ssh/0123456789 [mux]", "600", executable="/bin/sleep")
    assert [one.pid for one in processes_of(run)] == [master.pid]


def test_who_does_not_heed_is_ended_by_force(start: Start, tmp_path: Path) -> None:
    """Asked first, forced after the grace; others go on."""
    heeding = start(tmp_path, "sleep", "600")
    stubborn = start(tmp_path, sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()")
    stranger = start(tmp_path / "other", "sleep", "600")
    _until(lambda: _ignores_term(stubborn.pid))
    assert end_processes_of(tmp_path, grace=0.5) == []
    assert (heeding.wait(), stubborn.wait()) == (-signal.SIGTERM, -signal.SIGKILL)
    assert stranger.poll() is None


def test_what_does_not_end_in_time_is_told(start: Start, tmp_path: Path) -> None:
    """Nobody waits for ever for what hangs in the kernel."""
    process = start(tmp_path, sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()")
    _until(lambda: _ignores_term(process.pid))
    assert [one.pid for one in end_processes_of(tmp_path, grace=60, limit=0.2)] == [process.pid]


def test_a_process_id_that_was_reused_is_a_stranger(start: Start) -> None:
    """The same number with another start is another process: no signal reaches it."""
    process = start(None, "sleep", "600")
    found = Process.of(process.pid)
    assert found is not None
    earlier = Process(found.pid, found.started - 1)
    assert (found.lives, earlier.lives) == (True, False)
    send(earlier, signal.SIGKILL)
    time.sleep(0.1)
    assert process.poll() is None


def test_what_has_ended_lives_no_more_though_nobody_noticed(start: Start) -> None:
    """A killed program whose starter sleeps stays in the process table, but does nothing."""
    process = start(None, "sleep", "600")
    os.kill(process.pid, signal.SIGKILL)
    _until(lambda: Process.of(process.pid) is None)
    assert process.returncode is None


def test_this_process_lives() -> None:
    """So what it made is never cleared by others."""
    assert own_process().lives
    assert own_process().pid == os.getpid()


def _ignores_term(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << signal.SIGTERM - 1)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
