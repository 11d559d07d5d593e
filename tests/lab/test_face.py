"""The face for changes on real hosts: a terminal with Ctrl-C, a plan that is applied later, status of broken places."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.lab import Lab
from tests.lab.command_line import CommandLine
from tests.lab.fleet import AT_ONCE, Fleet

CTRL_C = b"\x03"
QUICK = ("--strategy", "rolling", "--soak", "0")


@dataclass
class Terminal:
    """A command line on a terminal of 80 columns and 24 lines."""

    process: subprocess.Popen[bytes]
    line: int
    seen: str = ""

    def type(self, keys: bytes) -> None:
        os.write(self.line, keys)

    def wait_for(self, words: str, seconds: float = 60) -> None:
        """Until these words have been shown after those waited for before."""
        start, deadline = len(self.seen), time.monotonic() + seconds
        while words not in self.seen[start:]:
            assert time.monotonic() < deadline, f"{words!r} was not shown within {seconds} s:\n{self.seen}"
            assert self._read(), f"{words!r} was not shown before the end:\n{self.seen}"

    def end(self, seconds: float = 90) -> int:
        """The exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, self.seen
        return self.process.wait(timeout=10)

    def _read(self) -> bool:
        """Take what there is to read; False when the terminal has closed."""
        ready, _, _ = select.select([self.line], [], [], 1)
        if not ready:
            return self.process.poll() is None
        try:
            self.seen += os.read(self.line, 65536).decode(errors="replace")
        except OSError:  # Linux: the other side has closed
            return False
        return True


@contextmanager
def terminal(clmdeploy: CommandLine, *words: str, language: str = "en") -> Iterator[Terminal]:
    """Runs it in a session of its own, so that Ctrl-C reaches it and all that it started, as from a keyboard."""
    ours, theirs = pty.openpty()
    environ = {**clmdeploy.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *clmdeploy.argv("--lang", language, *words)], env=environ,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=False,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_ctrl_c_on_a_terminal_pauses_and_the_next_command_takes_back(fleet: Fleet) -> None:
    """Asked, answered; Ctrl-C while app1 is switched: its batch ends first, then three lines; abort takes it back."""
    fleet.bring_to("1.0.0")
    words = ("deploy", "1.1.0", "-e", "lab", "--no-restore-point", "тест", *QUICK)
    with terminal(fleet.clmdeploy, *words, language="ru") as face:
        face.wait_for("Продолжить?")
        face.type(b"y\n")
        face.wait_for("Switch app1")
        face.type(CTRL_C)
        face.wait_for("Остановка в ближайшей безопасной точке")
        assert face.end() == 11
    for line in (
        "Приостановлено",
        "Сейчас работает: ",
        "1.1.0 на app1",
        "Безопасно: да",
        "Дальше: clmdeploy change resume",
    ):
        assert line in face.seen
    assert fleet.releases == {"app1": "1.1.0", "app2": "1.0.0", "app3": "1.0.0", "worker1": "1.0.0"}
    assert not fleet.drained
    taken = fleet.clmdeploy("change", "abort", "-e", "lab", "--json").expecting(0).json
    assert (taken["state"], taken["safe"]) == ("taken-back", True)
    assert set(fleet.releases.values()) == {"1.0.0"}
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)


def test_a_plan_is_applied_later_unless_hosts_have_drifted(fleet: Fleet, tmp_path: Path) -> None:
    """Two plans made now: the first is applied as signed; the second no longer fits, and says which host and why."""
    fleet.bring_to("1.0.0")
    schema = fleet.schema()  # 1.0.0 runs on what 1.1.0 has added, so an earlier test may have left that
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path, hosts in ((first, "app1"), (second, "app1,app2")):
        words = ("--plan-out", str(path), "--limit", hosts, "--no-restore-point", "a test", *AT_ONCE)
        fleet.clmdeploy("deploy", "1.1.0", "-e", "lab", *words).expecting(0)
    ending = fleet.clmdeploy("change", "apply", str(first), "-e", "lab", "--yes", "--json").expecting(0).json
    shown = fleet.clmdeploy("change", "show", ending["change"], "-e", "lab", "--json").json
    assert shown["digest"] == json.loads(first.read_text())["digest"]
    with fleet.untouched():
        refused = fleet.clmdeploy("change", "apply", str(second), "-e", "lab", "--yes").expecting(3)
    assert "app1: runs 1.1.0" in refused.stderr
    told = "schema: version 2, the plan expects version 1" in refused.stderr
    assert told is (fleet.schema() != schema)
    assert "app2:" not in refused.stderr


@pytest.fixture
def without_storage(lab: Lab, tmp_path: Path) -> Path:
    """Inventories whose storage nobody answers for."""
    copy = tmp_path / "inventories"
    shutil.copytree(lab.inventories, copy)
    settings = copy / "lab" / "clm.yml"
    settings.write_text(settings.read_text().replace(":8334", ":9"))
    return copy


def test_status_tells_the_truth_of_broken_places(fleet: Fleet, without_storage: Path) -> None:
    """A host that is cut off is named, and so is storage out of reach; all that still answers is shown."""
    told = fleet.clmdeploy("--inventories", str(without_storage), "status", "-e", "lab", "--probe", "--json").json
    assert told["journal"]["known"] is False
    assert {host["health"] for host in told["hosts"]} == {"healthy"}
    host = fleet.lab.host("app3")
    host.cut()
    try:
        shown: dict[str, Any] = fleet.clmdeploy("status", "-e", "lab", "--json").expecting(0).json
    finally:
        host.heal()
    reachable = {one["name"]: one["reachable"] for one in shown["hosts"]}
    assert reachable == {"app1": True, "app2": True, "app3": False, "worker1": True}
    assert shown["last_change"]["state"] == "done"
