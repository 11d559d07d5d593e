"""The transcript: what a person reads while the demonstration goes on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clmdeploy.lab.demo.report import DemoReport


class Screen:
    """Colours and rules on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def chapter(self, number: int, title: str) -> None:
        self._line(f"\n[bold]{number}. {escape(title)}[/]")

    def command(self, words: Sequence[str], after: str = "") -> None:
        """A command line, as it can be typed again; `after` is for the shell."""
        self._line(f"[cyan]$ {escape(f'{shlex.join(words)} {after}'.rstrip())}[/]")

    def say(self, text: str) -> None:
        self._line(escape(text))

    def good(self, text: str) -> None:
        """A promise that was kept."""
        self._line(f"[green]✓[/] {escape(text)}")

    def pass_on(self, output: str) -> None:
        """What a command printed while something else was on the screen."""
        if output.strip():
            self._console.out(output.rstrip(), highlight=False)

    def summary(self, report: DemoReport) -> None:
        table = Table(box=None, pad_edge=False, show_edge=False)
        table.add_column("", justify="right")
        table.add_column("what", overflow="fold")
        table.add_column("seconds", justify="right")
        for number, chapter in enumerate(report.chapters, start=1):
            outcome = f"\n{escape(chapter.outcome)}" if chapter.outcome else ""
            table.add_row(f"{number}.", f"{escape(chapter.title)}[dim]{outcome}[/]", f"{chapter.seconds:.1f}")
        table.add_row("", "[bold]all[/]", f"[bold]{sum(chapter.seconds for chapter in report.chapters):.1f}[/]")
        self._line("\n[bold]What was done[/]")
        self._console.print(table)

    def _line(self, markup: str) -> None:
        self._console.print(markup, soft_wrap=True, highlight=False)
