"""A tethered program ends with the process that started it, and so does everything that came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clmdeploy.adapters import tether
from clmdeploy.adapters.processes import VARIABLE, Process, end_processes_of, processes_of

STARTER = """
import os, subprocess, sys, threading
def start():
    marked = {{**os.environ, {VARIABLE!r}: {mark!r}, "STUBBORN": {stubborn!r}}}
    subprocess.Popen([sys.executable, "-IS", {tether!r}, str(os.getpid()), *{command!r}], env=marked)
thread = threading.Thread(target=start)  # the thread that starts it ends at once, the process goes on
thread.start()
thread.join()
print("started", flush=True)
sys.stdin.read()
"""
STUBBORN = f"trap '' TERM HUP; touch ${VARIABLE}/deep; while :; do sleep 0.1; done"
DEEP = ["sh", "-c", "setsid sh -c 'setsid sh -c \"$STUBBORN\" & sleep 600' & sleep 600"]


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """A run's directory by whose name its processes are found; none of them is left behind."""
    yield tmp_path
    end_processes_of(tmp_path, grace=0)


def started(mark: Path, command: list[str]) -> subprocess.Popen[str]:
    """A process that has started the command on a tether."""
    code = STARTER.format(tether=tether.__file__, command=command, mark=str(mark), VARIABLE=VARIABLE, stubborn=STUBBORN)
    process = subprocess.Popen([sys.executable, "-c", code], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def running(mark: Path, word: str) -> list[Process]:
    """Processes of the run with `word` among their arguments."""
    return [one for one in processes_of(mark) if word.encode() in arguments(one)]


def arguments(process: Process) -> bytes:
    """Nothing for one that has just ended."""
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes()
    except OSError:
        return b""


def await_number(mark: Path, number: int, word: str = "sleep", limit: float = 20.0) -> None:
    """Wait until so many are running."""
    deadline = time.monotonic() + limit
    while len(found := running(mark, word)) != number:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_it_outlives_the_thread_that_started_it(mark: Path) -> None:
    """PR_SET_PDEATHSIG would fire when that thread ends; the process is what counts."""
    process = started(mark, ["sleep", "600"])
    await_number(mark, 2)  # the tether names it, too
    time.sleep(1)
    assert len(running(mark, "sleep")) == 2
    process.kill()
    process.wait()
    await_number(mark, 0)


def test_nothing_that_came_of_it_stays_when_its_starter_is_killed(mark: Path) -> None:
    """Not what is in sessions of its own, several levels deep, nor what ignores being asked."""
    process = started(mark, DEEP)
    deadline = time.monotonic() + 20
    while not (mark / "deep").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    await_number(mark, 0, "")  # whatever its name


def test_the_program_itself_ends_with_the_tether(mark: Path) -> None:
    """Whoever kills the tether by force has ended the program as well."""
    process = started(mark, ["sleep", "600"])
    await_number(mark, 2)
    watcher = running(mark, "tether.py")[0]
    os.kill(watcher.pid, signal.SIGKILL)
    await_number(mark, 0)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 0"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-program"], 127),
    ],
)
def test_it_ends_as_the_program_ends(command: list[str], code: int) -> None:
    """Who waits sees the program's own exit code."""
    argv = [sys.executable, "-IS", tether.__file__, str(os.getpid()), *command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code
    assert ("no-such-program: No such file" in done.stderr) == (code == 127)


def test_it_does_not_begin_for_a_parent_that_is_gone_already(tmp_path: Path) -> None:
    """Between fork and exec the starter may have died."""
    trace = tmp_path / "trace"
    argv = [sys.executable, "-IS", tether.__file__, "1", "touch", str(trace)]
    assert subprocess.run(argv, timeout=30, check=False).returncode == tether.ENDED
    assert not trace.exists()


def test_what_is_another_accounts_by_now_saves_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setuid program refuses our signals: it is left alone after a while, and all the others are ended."""
    foreign, own = 1, 2
    signalled: list[int] = []

    def kill(pid: int, _number: int) -> None:
        if pid == foreign:
            raise PermissionError
        signalled.append(pid)

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(tether, "_descendants", lambda _root: [one for one in (foreign, own) if one not in signalled])
    monkeypatch.setattr(tether, "LIMIT", 0.3)
    tether._end_all()
    assert signalled == [own]
