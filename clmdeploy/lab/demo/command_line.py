"""Types `clmdeploy …` for the audience: each command line is shown, run as a process, and its exit code compared."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from clmdeploy.lab.demo.failure import DemoFailed
from clmdeploy.lab.demo.screen import Screen
from clmdeploy.model.errors import ExitCode


class CommandLine:
    """Runs the command line of this very installation. `output`: where what it prints goes."""

    def __init__(self, screen: Screen, environ: Mapping[str, str], output: IO[str]) -> None:
        self._screen = screen
        self._environ = dict(environ)
        self._output = output

    def run(self, *words: str, expect: ExitCode = ExitCode.DONE) -> None:
        """Run to the end, its output passing through. Raises DemoFailed unless it ends with `expect`."""
        self._screen.command(("clmdeploy", *words))
        self._output.flush()
        process = self._started(words, self._output)
        _demand(words, _ended(process), expect)

    @contextmanager
    def meanwhile(self, *words: str) -> Iterator[None]:
        """Run beside the block, and show after it what it printed. Raises DemoFailed unless that ended with 0."""
        self._screen.command(("clmdeploy", *words), "&")
        process = self._started(words, subprocess.PIPE)
        try:
            yield
            printed, _ = process.communicate()
        except BaseException:
            _interrupt(process)
            raise
        self._screen.say(f"clmdeploy {' '.join(words)}, meanwhile:")
        self._screen.pass_on(printed)
        _demand(words, process.returncode, ExitCode.DONE)

    def _started(self, words: tuple[str, ...], output: IO[str] | int) -> subprocess.Popen[str]:
        # A process group of its own: Ctrl-C reaches it through us, once, and is not doubled by the terminal.
        return subprocess.Popen(
            [sys.executable, "-m", "clmdeploy", *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=self._environ, process_group=0,
        )  # fmt: skip


def _ended(process: subprocess.Popen[str]) -> int:
    """Its exit code. An interrupt is handed on, and waited for: a change stops at its next safe point, not at once."""
    try:
        return process.wait()
    except BaseException:
        _interrupt(process)
        raise


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Each further Ctrl-C is handed on as well: the second one of a change means "take it back"."""
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate()
        except KeyboardInterrupt:
            continue


def _demand(words: tuple[str, ...], code: int, expected: ExitCode) -> None:
    if code != expected:
        raise DemoFailed(
            f"`clmdeploy {' '.join(words)}` ended with exit code {code}; expected was {int(expected)}",
            "its own words are above; the lab is still up to look at",
        )
