"""A click group that imports a command's module only when that command is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True)
class LazyCommand:
    """Where a command lives, and the one line that `--help` shows without importing it."""

    module: str
    attribute: str
    short_help: str

    def load(self) -> click.Command:
        """Imports the module; ImportError and AttributeError are faults of the program and left to rise."""
        command = getattr(import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}:{self.attribute} is not a click command")
        return command


class LazyGroup(click.Group):
    """Lists its commands from a table, in the table's order, so that `--help` stays quick."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, LazyCommand], **settings: Any) -> None:  # Any: click's own
        super().__init__(*arguments, **settings)
        self.lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.lazy.get(cmd_name)
        return entry.load() if entry else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.short_help) for name, entry in self.lazy.items()])
