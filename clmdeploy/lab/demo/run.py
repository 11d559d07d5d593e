"""Plays the demonstration to its end, and leaves the machine as was asked for, whatever comes between."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from rich.console import Console

from clmdeploy.lab import state
from clmdeploy.lab.demo import place
from clmdeploy.lab.demo.command_line import CommandLine
from clmdeploy.lab.demo.report import DemoReport
from clmdeploy.lab.demo.screen import Screen
from clmdeploy.lab.demo.script import Demo, DemoSpec
from clmdeploy.lab.inventory import ENVIRONMENT
from clmdeploy.lab.machine import require_machine
from clmdeploy.lab.removal import take_down


def run_demo(spec: DemoSpec, *, keep: bool, output: IO[str]) -> DemoReport:
    """Play it, the transcript going to `output`. Unless `keep`, the lab is taken down however it ended.

    Raises UsageError when somebody else's lab has that name, DemoFailed and PromiseBroken.
    """
    require_machine()
    place.standing_demo(spec.name)  # before anything that would have to be cleared up
    screen = Screen(Console(file=output, soft_wrap=False))
    inventories = state.STATE / spec.name / "inventories"
    environ = {**os.environ, "CLM_INVENTORIES": str(inventories)}
    demo = Demo(spec, screen, CommandLine(screen, environ, output))
    demo.report.kept = keep
    with _sigterm_as_interrupt():
        try:
            screen.say(f"Every line that begins with $ can be typed again, after\n  {_exports(inventories)}")
            demo.play()
            screen.summary(demo.report)
        finally:
            _leave(spec.name, screen, keep=keep)
    return demo.report


def _leave(name: str, screen: Screen, *, keep: bool) -> None:
    """Take the lab down, or say what is up and how to look further."""
    stands = any(directory.path.name == name for directory in state.standing())
    if stands and not keep:
        screen.say(f"\ntaking lab {name} down")
        take_down(name)
    elif stands:
        screen.say(how_to_look_further(name))


def how_to_look_further(name: str) -> str:
    """Commands to type while the lab is up."""
    inventories = state.STATE / name / "inventories"
    return "\n".join((
        f"\nThe lab {name} is up. Look further:",
        f"  {_exports(inventories)}",
        f"  clmdeploy status -e {ENVIRONMENT} --probe",
        f"  clmdeploy change list -e {ENVIRONMENT}",
        f"  clmdeploy rollback -e {ENVIRONMENT}",
        f'  clmdeploy deploy 1.4.0 -e {ENVIRONMENT} --no-restore-point "a lab"    # its migration fails half-way',
        f"  clmdeploy lab ssh --name {name} app1",
        "Take it down:",
        f"  clmdeploy lab down --name {name}",
    ))  # fmt: skip


def _exports(inventories: Path) -> str:
    exports = f"export CLM_INVENTORIES={shlex.quote(str(inventories))}"
    if shutil.which("clmdeploy"):
        return exports
    return f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; {exports}'


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """So that the load ends, and what stands is told, when a supervisor ends us."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
