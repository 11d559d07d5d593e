"""What `doctor` shows: faults and warnings one by one, with their remedies; what is in order in few words."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, make_table
from clmdeploy.model.checks import Check, worst

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def show(checks: tuple[Check, ...], invocation: Invocation) -> None:
    """A table, and the count of each verdict below it. With --verbose also what is in order line by line."""
    table = make_table(invocation, "verdict", "where", "check", "finding")
    by_subject: dict[str, list[Check]] = {}
    for check in checks:
        by_subject.setdefault(check.subject or check.area, []).append(check)
    for subject, few in by_subject.items():
        shown = [check for check in few if invocation.verbose or check.verdict != "ok"]
        for check in shown:
            remedy = f"\n→ {check.remedy}" if check.remedy else ""
            table.add_row(_sign(check.verdict), subject, check.name, check.finding + remedy)
        if quiet := [check.name for check in few if check not in shown]:
            table.add_row(_sign("ok"), subject, ", ".join(quiet))
    console = make_console()
    console.print(table)
    counted = Counter(check.verdict for check in checks)
    summary = invocation.say("doctor.summary", ok=counted["ok"], warn=counted["warn"], fail=counted["fail"])
    console.print(summary, style=_STYLES[worst(checks)])


def _sign(verdict: str) -> Text:
    return Text(verdict, style=_STYLES[verdict])
