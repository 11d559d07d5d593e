"""How a failure ends a run: verdict, message and hint on stderr, or one JSON object on stdout; and the exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.model.errors import ClmError, ExitCode

ExceptionHook = Callable[[type[BaseException], BaseException, TracebackType | None], None]


def report(error: ClmError, invocation: Invocation) -> int:
    """A failure that somebody foresaw: what it means, what and where, what to do next."""
    if invocation.debug:
        traceback.print_exception(error)
    return _tell(error.exit_code, error.message, error.hint, invocation)


def as_json(error: ClmError) -> dict[str, dict[str, str | int]]:
    """What `--json` says of a failure: for commands that put their partial results into the same object."""
    return _failure(error.exit_code, error.message, error.hint)


def report_usage(error: click.ClickException, invocation: Invocation) -> int:
    """A command line that click could not take. Always exit code 2, whatever click itself would use."""
    if invocation.json:
        hint = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        return _tell(ExitCode.USAGE, error.format_message(), hint, invocation)
    error.show()
    return ExitCode.USAGE


def report_interrupt(invocation: Invocation) -> int:
    """Ctrl-C outside a change. Inside one, the executor pauses and raises Paused, which has its own exit code."""
    if not invocation.json:
        click.echo(err=True)  # leaves the line with ^C or the open prompt
    return _tell(ExitCode.UNEXPECTED, invocation.both("failure.interrupted"), "", invocation)


def silence() -> int:
    """The reader of our output has gone (`| head`). Nothing may be written any more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.UNEXPECTED


def reporter(invocation: Invocation) -> ExceptionHook:
    """The hook for what nobody foresaw: one line, and the traceback only with `--debug`. Python then exits with 1."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if invocation.debug:
            traceback.print_exception(kind, error, trace)
        cause = str(error).partition("\n")[0][:500]
        message = invocation.both("failure.unexpected", kind=kind.__name__, cause=cause)
        _tell(ExitCode.UNEXPECTED, message, invocation.both("failure.unexpected_hint"), invocation)

    return hook


def _tell(code: ExitCode, message: str, hint: str, invocation: Invocation) -> int:
    if invocation.json:
        click.echo(json.dumps(_failure(code, message, hint), ensure_ascii=False))
        return code
    click.secho(invocation.say(f"verdict.{code.name.lower()}"), fg="red", bold=True, err=True)
    click.echo(invocation.told(message), err=True)
    if hint:
        click.echo(invocation.say("failure.hint", hint=hint), err=True)
    return code


def _failure(code: ExitCode, message: str, hint: str) -> dict[str, dict[str, str | int]]:
    return {"error": {"code": code.name.lower(), "exit_code": int(code), "message": message, "hint": hint}}
