"""The lookout, as a real process: it tells when whoever posted it is gone, and is no burden to anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clmdeploy.adapters.lookout import ProcessLookout
from clmdeploy.adapters.lookout_process import last_words
from clmdeploy.adapters.notice_command import CommandChannel
from clmdeploy.adapters.outbox import DirectoryOutbox
from tests.contract.test_channel import channel_to
from tests.mail_server import PASSWORD, mail_server
from tests.unit.notices.examples import CHANGE, notice

ROOT = Path(__file__).parents[2]
_PARENT = """
import os, sys, time
from pathlib import Path
from clmdeploy.adapters.lookout import ProcessLookout
from clmdeploy.adapters.notice_command import CommandChannel
from clmdeploy.adapters.outbox import DirectoryOutbox
from clmdeploy.notices.notice import Notice
place = Path(sys.argv[1])
lookout = ProcessLookout([CommandChannel((sys.argv[2],), place, 20)], DirectoryOutbox(place / "outbox"), os.environ)
lookout.expect(Notice.model_validate_json((place / "planned.json").read_bytes()))
print(lookout._process.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def parent(place: Path, program: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process, leader of its group, that has posted a lookout; and the lookout's process ID."""
    (place / "planned.json").write_text(notice().model_dump_json())
    process = subprocess.Popen(
        (sys.executable, "-c", _PARENT, str(place), program), stdout=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True, env={**os.environ, "CLM_S3_SECRET_KEY": "a-secret-of-ours"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Keeps the notice that it gets."""
    path = tmp_path / "keep"
    path.write_text("#!/bin/sh\ncat > arriving && mv arriving arrived.json\n")
    path.chmod(0o755)
    return str(path)


def awaited(path: Path, seconds: float = 20) -> Path:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come within {seconds} s"
        time.sleep(0.05)
    return path


def is_gone(process: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return True


def await_gone(process: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_gone(process):
        assert time.monotonic() < deadline, f"process {process} is still there"
        time.sleep(0.05)


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["the process alone", "its whole group"])
def test_whoever_is_killed_is_spoken_for(tmp_path: Path, program: str, kill: object) -> None:
    """SIGKILL of the process or of its group: what was expected last is told, within seconds; then the lookout ends."""
    with parent(tmp_path, program) as (process, lookout):
        kill(process.pid, signal.SIGKILL)  # type: ignore[operator]
        told = json.loads(awaited(tmp_path / "arrived.json").read_text())
        assert (told["change"], told["id"]) == (CHANGE, notice().id)
        assert told["at"] != notice().at  # when it happened, not when it was planned
        await_gone(lookout)


def test_nobody_waits_for_the_lookout(tmp_path: Path, program: str) -> None:
    """It holds no stream of ours open: whoever reads our output sees its end when we end."""
    with parent(tmp_path, program) as (process, lookout):
        fds = {os.readlink(f"/proc/{lookout}/fd/{number}") for number in (1, 2)}
        assert fds == {os.devnull}
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_the_lookout_shows_no_secrets(tmp_path: Path, program: str) -> None:
    """Neither in its arguments nor in its environment; what it needs came through the pipe."""
    with parent(tmp_path, program) as (_, lookout):
        for file in ("cmdline", "environ"):
            assert b"a-secret-of-ours" not in Path(f"/proc/{lookout}/{file}").read_bytes()


def test_signals_for_everybody_leave_it_at_its_post(tmp_path: Path, program: str) -> None:
    """Ctrl-C, SIGTERM to all, a lost terminal: it lives as long as the pipe, and no longer."""
    with parent(tmp_path, program) as (process, lookout):
        time.sleep(0.5)  # its first lines set the signals
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(lookout, number)
        process.kill()
        awaited(tmp_path / "arrived.json")
        await_gone(lookout)


def test_a_dismissed_lookout_tells_nothing(tmp_path: Path, program: str) -> None:
    """It is gone when `dismiss` returns."""
    lookout = ProcessLookout([CommandChannel((program,), tmp_path, 20)], DirectoryOutbox(tmp_path / "outbox"), {})
    lookout.expect(notice())
    lookout.dismiss()
    assert is_gone(lookout._process.pid)
    assert not (tmp_path / "arrived.json").exists()


def test_a_lookout_that_somebody_killed_is_no_fault_of_ours(tmp_path: Path, program: str) -> None:
    """The work goes on without it."""
    lookout = ProcessLookout([CommandChannel((program,), tmp_path, 20)], DirectoryOutbox(tmp_path / "outbox"), {})
    lookout._process.kill()
    lookout._process.wait(10)
    for _ in range(3):
        lookout.expect(notice())
    lookout.dismiss()


def test_it_waits_with_the_standard_library_alone() -> None:
    """While it waits, nothing of ours but itself is loaded."""
    script = "import sys, clmdeploy.adapters.lookout_process; print(*sorted(sys.modules))"
    loaded = subprocess.run((sys.executable, "-c", script), cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in loaded.stdout.split() if name.startswith("clmdeploy.")}
    assert ours == {"clmdeploy.adapters", "clmdeploy.adapters.lookout_process"}
    assert "pydantic" not in loaded.stdout.split()


def test_the_password_reaches_the_mail_server_by_the_pipe(tmp_path: Path) -> None:
    """A letter that the lookout sends is logged in and encrypted like any other."""
    with mail_server(tmp_path / "mail") as mailbox:
        lookout = ProcessLookout([channel_to(mailbox)], DirectoryOutbox(tmp_path / "outbox"), os.environ)
        lookout.expect(notice())
        assert PASSWORD.encode() not in Path(f"/proc/{lookout._process.pid}/environ").read_bytes()
        assert lookout._process.stdin is not None
        lookout._process.stdin.close()  # as our end would
        (letter,) = mailbox.awaited(1, 20)
        assert CHANGE in letter.text
        lookout._process.wait(10)


def test_what_can_not_be_told_is_kept(tmp_path: Path) -> None:
    """For the next command of this environment."""
    outbox = DirectoryOutbox(tmp_path / "outbox")
    lookout = ProcessLookout([CommandChannel((str(tmp_path / "none"),), tmp_path, 20)], outbox, os.environ)
    lookout.expect(notice())
    assert lookout._process.stdin is not None
    lookout._process.stdin.close()
    lookout._process.wait(20)
    (kept,) = outbox.kept()
    assert kept.waiting == {"command": ("none",)}


def test_half_a_line_was_never_said(tmp_path: Path) -> None:
    """Killed in the middle of a sentence: the sentence before it counts."""
    (tmp_path / "pipe").write_bytes(b'{"notice": 1}\n{"notice": 2}\n{"notice": 3')
    with (tmp_path / "pipe").open("rb") as pipe:
        assert last_words(pipe) == {"notice": 2}
