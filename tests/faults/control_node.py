"""A control node: `clmdeploy` with a home, an inventory and a host name of its own, and all that can befall it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

from clmdeploy.lab.cgroup import Cgroup
from tests.lab.command_line import DEPLOY_LIMIT, Ran

Kill = Literal["node", "parent"]
"""node: every process of the control node at once, as a power loss does · parent: clmdeploy alone; its children live"""

# In a UTS namespace of its own, so that the name is this node's alone; the group is entered before anything starts.
_ENTER = 'echo 0 > "$0/cgroup.procs" && echo "$1" > /proc/sys/kernel/hostname && shift && exec "$@"'
_NUMBERS = count(1)


@dataclass(frozen=True)
class ControlNode:
    """Called with words, it runs `clmdeploy` to its end."""

    name: str
    home: Path
    inventories: Path
    group: Cgroup

    @classmethod
    def made(cls, name: str, place: Path, inventories: Path, group: Path) -> ControlNode:
        """A fresh one: nothing in its home, and a copy of the inventories."""
        home = place / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        shutil.copytree(inventories, home / "inventories")
        group.mkdir(parents=True, exist_ok=True)
        return cls(name, home, home / "inventories", Cgroup(group))

    def __call__(self, *words: str, timeout: float = DEPLOY_LIMIT) -> Ran:
        return self.start(*words).ended(timeout)

    def start(self, *words: str) -> Running:
        """In a session of its own, as a terminal would start it; what it prints goes to files."""
        number = next(_NUMBERS)
        out, err = (self.home / f"{number:04d}.{name}" for name in ("out", "err"))
        program = (str(Path(sys.executable).with_name("clmdeploy")), *words)
        enter = ("unshare", "--uts", "sh", "-c", _ENTER, str(self.group.path), self.name, *program)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                enter, env=self._environ(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=self.home,
                start_new_session=True,
            )  # fmt: skip
        return Running(self, words, process, out, err)

    def lose(self) -> None:
        """End every process of it at once."""
        self.group.kill()

    def removed(self) -> None:
        """End it and remove what it was made of."""
        self.group.kill()
        self.group.remove()
        shutil.rmtree(self.home, ignore_errors=True)

    def _environ(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("CLM_", "XDG_", "AWS_", "CI"))}
        own = {"HOME": str(self.home), "LC_ALL": "C.UTF-8", "CLM_INVENTORIES": str(self.inventories)}
        return {**kept, **own, "CLM_ENVIRONMENT": "lab"}


@dataclass(frozen=True)
class Running:
    """A `clmdeploy` under way, or just ended."""

    node: ControlNode
    words: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(repr=False)
    out: Path
    err: Path

    def kill(self, how: Kill) -> None:
        """SIGKILL; returns when it is gone."""
        if how == "node":
            self.node.lose()
        else:
            self.process.kill()
        self.process.wait(30)

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the whole foreground process group, as a terminal sends it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def signal(self, number: signal.Signals) -> None:
        """To clmdeploy alone."""
        self.process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def ended(self, timeout: float = DEPLOY_LIMIT) -> Ran:
        """What came of it, once it has ended by itself. Raises AssertionError when that takes too long."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.node.lose()
            raise AssertionError(f"{self.described} did not end within {timeout:g} s; it said: {self.said}") from None
        return Ran(self.words, code, self.out.read_text("utf-8", "replace"), self.err.read_text("utf-8", "replace"))

    @property
    def said(self) -> str:
        """The end of everything that it has printed so far."""
        return "".join(file.read_text("utf-8", "replace")[-2000:] for file in (self.out, self.err))

    @property
    def described(self) -> str:
        return f"clmdeploy {' '.join(self.words)} on {self.node.name}"
