"""Options that many commands share. Imports click and the standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from clmdeploy.cli.context import Invocation

Function = TypeVar("Function", bound=Callable[..., Any])  # Any: click passes what each command's options say

pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def environment_option(function: Function) -> Function:
    """`-e/--environment NAME` (or $CLM_ENVIRONMENT), required; passed on as `environment`."""
    function = click.option(
        "--inventories",
        type=click.Path(path_type=Path),
        hidden=True,  # shown once, on the root; people type it here too
        expose_value=False,
        callback=_note_inventories,
    )(function)
    return click.option(
        "-e",
        "--environment",
        metavar="NAME",
        envvar="CLM_ENVIRONMENT",
        show_envvar=True,
        required=True,
        help="Environment to work on: a directory below the inventories.",
    )(function)


def json_option(function: Function) -> Function:
    """Accepts `--json` after the subcommand, where people type it, and `--debug`, `--verbose`, `--lang` too."""
    for flag, shown in (("--verbose", False), ("--debug", False), ("--json", True)):
        function = click.option(
            flag,
            is_flag=True,
            default=False,
            hidden=not shown,
            expose_value=False,
            is_eager=True,
            callback=_note_flag,
            help="Print one JSON object (stable, documented).",
        )(function)
    language = click.Choice(["ru", "en"])
    return click.option(
        "--lang", type=language, hidden=True, expose_value=False, is_eager=True, callback=_note_language
    )(function)


def _note_flag(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        _note(context, **{str(parameter.name): True})


def _note_language(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value:
        _note(context, language=value)


def _note_inventories(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value:
        _note(context, inventories=value)


def _note(context: click.Context, **changes: Any) -> None:  # Any: the fields of Invocation
    """Puts a late option into this command's Invocation; the groups above keep theirs."""
    context.obj = dataclasses.replace(context.find_object(Invocation) or Invocation(), **changes)
