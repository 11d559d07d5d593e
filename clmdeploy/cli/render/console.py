"""Where and how text appears: colour and live pictures on a terminal only, foreign text never as markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from clmdeploy.cli.context import Invocation

PIPE_WIDTH = 200  # columns for a file or a pipe: lines there are cut by who reads them, not by us
STYLES: Mapping[str, str] = {
    "done": "green",
    "running": "cyan",
    "failed": "bold red",
    "undoing": "yellow",
    "undone": "yellow",
    "owed": "bold red",
    "dropped": "yellow",
    "unknown": "bold yellow",
    "stopped": "bold red",
    "partly": "bold red",
    "taken-back": "yellow",
    "paused": "bold yellow",
    "open": "bold cyan",
}


class LastingConsole(Console):
    """A console whose reader may go away (`| head`) without ending a change half-way."""

    def on_broken_pipe(self) -> None:
        """Rich would end the program here."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr. Text from hosts and journals is shown as it is: no markup, no emoji codes."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return LastingConsole(stderr=stderr, markup=False, emoji=False, highlight=False, width=width, soft_wrap=False)


def make_table(invocation: Invocation, *columns: str) -> Table:
    """A table without lines; `columns` are keys of the catalogue below `column.`."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(invocation.say(f"column.{column}"), overflow="fold")
    return table


def moment(at: str, zone: str) -> str:
    """A stored time (ISO 8601 with zone) in the environment's zone, which is named."""
    return clock_words(datetime.fromisoformat(at), zone, "%Y-%m-%d %H:%M:%S %Z")


def clock_words(at: datetime, zone: str, pattern: str) -> str:
    """`at` in the environment's zone."""
    return at.astimezone(ZoneInfo(zone)).strftime(pattern)


def span(seconds: float) -> str:
    """A duration for people: `3.1 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size_words(size: int) -> str:
    """Bytes for people, in binary units, as systemd and Ansible print them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size} {unit}"
        size = round(size / 1024)
    return f"{size} TiB"


def arrow(console: Console) -> str:
    """An arrow that this terminal's encoding knows."""
    return "→" if console.encoding.startswith("utf") else "->"
