"""A change while it goes on, on a terminal: a live picture of every host."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import STYLES, make_table, span
from clmdeploy.cli.render.plan import stage_number
from clmdeploy.cli.render.rows import Row, Rows

REFRESH = 5  # pictures a second
MARGIN = 6  # lines of the terminal that are not for hosts


class LiveProgress:
    """A Watcher that redraws one table. Hosts that don't fit are counted: who acts or failed comes first."""

    def __init__(self, console: Console, invocation: Invocation, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._invocation, self._clock = console, invocation, clock
        self._rows: Rows | None = None
        self._stage, self._note, self._change = "", "", ""
        self._begun = clock()
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=REFRESH)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._note = ""
        with contextlib.suppress(OSError):  # the terminal is gone: what happened stands in the journal
            self._live.__exit__(kind, error, trace)

    def on_opened(self, change: str, plan: Plan) -> None:
        with self._lock:
            self._rows, self._change = Rows(plan), change

    def on_event(self, event: Event) -> None:
        with self._lock:
            if self._rows is None:
                return
            self._rows.take(event, self._clock())
            if event.step:
                self._stage = stage_number(self._rows.plan, self._rows.step(event))

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        with self._lock:
            if self._rows is not None:
                self._rows.hear(step, key, outcome, self._clock())

    def on_stop_wanted(self, wanted: str) -> None:
        """Called inside a signal handler: only notes it, and the next picture shows it."""
        self._note = self._invocation.say(f"progress.{wanted}_wanted")

    def _picture(self) -> Group:
        with self._lock:
            rows, now = self._rows, self._clock()
            if rows is None:
                return Group(Text(self._invocation.say("progress.waiting")))
            shown, left = _fitting(list(rows.rows.values()), self._console.height - MARGIN)
            head = Text.assemble((self._stage, "bold cyan"), f"  {self._change}  {span(now - self._begun)}")
            parts: list[Text | Table] = [head, self._table(shown, now)]
            if left:
                parts.append(Text(self._invocation.say("progress.more", count=left), style="dim"))
            if self._note:
                parts.append(Text(self._note, style="bold yellow"))
            return Group(*parts)

    def _table(self, rows: list[Row], now: float) -> Table:
        table = make_table(self._invocation, "host", "stage", "state", "seconds", "step")
        for row in rows:
            step = f"{row.progress} · {row.step}" if row.progress and row.ended is None else row.step
            table.add_row(row.host, row.stage, self._state(row), span(row.seconds(now)) if row.step else "", step)
        for column in table.columns:
            column.no_wrap, column.overflow = True, "ellipsis"
        widths = [
            max([len(str(column.header)), *(len(str(cell)) for cell in column.cells)]) for column in table.columns
        ]
        table.columns[-1].max_width = max(12, self._console.width - sum(widths[:-1]) - 2 * len(widths))
        return table

    def _state(self, row: Row) -> Text:
        return Text(self._invocation.say(f"state.{row.state}"), style=STYLES.get(row.state, ""))


def _fitting(rows: list[Row], room: int) -> tuple[list[Row], int]:
    """The rows for which there is room, those that matter first where not all fit; and how many are left out."""
    room = max(4, room)
    if len(rows) <= room:
        return rows, 0
    order = {"failed": 0, "owed": 0, "unknown": 0, "dropped": 1, "running": 2, "undoing": 2}
    by_weight = sorted(rows, key=lambda row: order.get(row.state, 3))
    chosen = {row.host for row in by_weight[:room]}
    return [row for row in rows if row.host in chosen], len(rows) - room
