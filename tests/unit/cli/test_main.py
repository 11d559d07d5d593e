"""The root command: quick, and every failure has its text and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from clmdeploy import __version__
from clmdeploy.cli import main
from clmdeploy.cli.lazy import LazyCommand
from clmdeploy.model.errors import ClmError, ExitCode, Paused

HEAVY = {"pydantic", "rich", "boto3", "botocore", "fabric", "paramiko", "ansible", "ansible_runner", "yaml", "asyncio"}


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Puts a command `fails` beside the real ones."""

    @click.command("fails")
    def fails() -> None:
        raise error

    monkeypatch.setattr(main.cli, "lazy", {})
    monkeypatch.setitem(main.cli.commands, "fails", fails)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["no-such-command"]])
def test_help_is_quick(arguments: list[str]) -> None:
    """Help, version and a typing error import click and the standard library, nothing heavy."""
    program = (
        "import sys\nfrom clmdeploy.cli.main import run\ncode = run(sys.argv[1:])\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == (2 if arguments == ["no-such-command"] else 0)
    assert HEAVY.isdisjoint(done.stderr.splitlines()[-1].split())


def test_help_lists_every_command_in_working_order() -> None:
    """`--help` shows each command with its line, from the table alone."""
    done = subprocess.run([sys.executable, "-m", "clmdeploy", "--help"], capture_output=True, text=True, check=False)
    names = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines() if line[2:3].isalpha()]
    assert names == list(main.COMMANDS)
    assert names[:2] == ["init", "config"]


@pytest.mark.parametrize("entry", main.COMMANDS.values(), ids=main.COMMANDS)
def test_every_listed_command_exists(entry: LazyCommand) -> None:
    """What `--help` promises can be called, and its own first line ends the way the listing does."""
    assert entry.load().get_short_help_str()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names the program and the version of the package."""
    assert main.run(["--version"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"clmdeploy, version {__version__}\n"


@pytest.mark.parametrize("kind", ClmError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_a_foreseen_failure_has_three_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[ClmError]
) -> None:
    """Verdict, message and hint on stderr, nothing on stdout, and the failure's own exit code."""
    monkeypatch.setenv("LC_ALL", "C")
    raising(monkeypatch, kind("db1: disk is full", "free some space"))
    assert main.run(["fails"]) == kind.exit_code
    output = capsys.readouterr()
    verdict, message, hint = output.err.splitlines()
    assert verdict
    assert (message, hint, output.out) == ("db1: disk is full", "→ free some space", "")


def test_failures_speak_russian(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict follows --lang, else the locale; the facts stay as they are."""
    raising(monkeypatch, Paused("window closed"))
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    assert main.run(["fails"]) == ExitCode.PAUSED
    assert capsys.readouterr().err.startswith("Приостановлено")
    assert main.run(["--lang", "en", "fails"]) == ExitCode.PAUSED
    assert capsys.readouterr().err.startswith("Paused")


def test_failures_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json a failure is one object on stdout, and stderr stays empty."""
    raising(monkeypatch, ClmError("odd", "look"))
    assert main.run(["--json", "fails"]) == ExitCode.UNEXPECTED
    output = capsys.readouterr()
    expected = {"code": "unexpected", "exit_code": 1, "message": "odd", "hint": "look"}
    assert (json.loads(output.out), output.err) == ({"error": expected}, "")


@pytest.mark.parametrize("arguments", [["--json", "--no-such-option"], ["--json", "no-such-command"]])
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """A command line that makes no sense ends with 2, in words or as JSON."""
    assert main.run(arguments) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2
    assert main.run(arguments[1:]) == ExitCode.USAGE
    assert "--help" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException) -> None:
    """Ctrl-C outside a change is 1, never 130: 11 is kept for a change that really paused."""
    monkeypatch.setenv("LC_ALL", "C")
    raising(monkeypatch, error)
    assert main.run(["fails"]) == ExitCode.UNEXPECTED
    assert "Interrupted." in capsys.readouterr().err


def unexpected(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program with a command that divides by zero."""
    program = (
        "import sys, click\nfrom clmdeploy.cli import main\n"
        "@click.command('fails')\ndef fails():\n    1 / 0\n"
        "main.cli.lazy = {}\nmain.cli.add_command(fails)\nmain.main()"
    )
    command = [sys.executable, "-c", program, *arguments, "fails"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env={"LC_ALL": "C.UTF-8"})


def test_the_unforeseen_is_one_line(tmp_path: Path) -> None:
    """A fault of the program shows no traceback unless --debug asks for it, and ends with 1."""
    done = unexpected(tmp_path)
    assert done.returncode == ExitCode.UNEXPECTED
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in unexpected(tmp_path, "--debug").stderr
    assert json.loads(unexpected(tmp_path, "--json").stdout)["error"]["exit_code"] == 1


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    """`clmdeploy ... | head` prints no complaint when head has seen enough."""
    command = [sys.executable, "-m", "clmdeploy", "config", "example"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
