"""How the demonstration types commands: shown, run as processes, their exit codes compared."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from clmdeploy.lab.demo.command_line import CommandLine
from clmdeploy.lab.demo.failure import DemoFailed
from clmdeploy.lab.demo.screen import Screen
from clmdeploy.model.errors import ExitCode


@pytest.fixture
def transcript() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def command_line(transcript: io.StringIO, tmp_path: Path) -> Iterator[CommandLine]:
    """Its commands print into a file that nobody reads; the transcript is apart."""
    with (tmp_path / "output").open("w") as output:
        yield CommandLine(Screen(Console(file=transcript)), os.environ, output)


def test_a_command_is_shown_as_it_can_be_typed(command_line: CommandLine, transcript: io.StringIO) -> None:
    """Quoted where the shell needs it."""
    command_line.run("config", "example", "--help", "a b", expect=ExitCode.DONE)
    assert transcript.getvalue() == "$ clmdeploy config example --help 'a b'\n"


def test_another_exit_code_than_expected_ends_it(command_line: CommandLine) -> None:
    """The command, its exit code and the expected one are named; an expected failure is none."""
    command_line.run("lab", "up", "--apps", "99", expect=ExitCode.USAGE)
    with pytest.raises(DemoFailed, match="`clmdeploy lab up --apps 99` ended with exit code 2; expected was 0"):
        command_line.run("lab", "up", "--apps", "99")


def test_what_ran_meanwhile_is_shown_after(command_line: CommandLine, transcript: io.StringIO) -> None:
    """Its output does not run into that of the others, and its failure counts as well."""
    with pytest.raises(DemoFailed, match="exit code 2"), command_line.meanwhile("lab", "up", "--apps", "99"):
        command_line.run("--version")
    shown = transcript.getvalue()
    assert shown.startswith("$ clmdeploy lab up --apps 99 &\n")
    assert shown.index("--version") < shown.index("99 is not in the range")
