"""`clmdeploy doctor`: everything that must be true before work, with causes and remedies."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ExitCode

if TYPE_CHECKING:
    from rich.text import Text

    from clmdeploy.model.checks import Check

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(short_help="Check everything that must be true before work.")
@environment_option
@json_option
@pass_invocation
def doctor(invocation: Invocation, environment: str) -> None:
    """Check control node, storage, hosts and balancers; exit code 4 when something would stop work.

    Nothing is changed, but for one small object that is written to each bucket and removed again: whether a storage
    keeps conditions can only be found out by writing.
    """
    from clmdeploy.model.checks import worst
    from clmdeploy.queries.doctor import examine
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        checks = examine(runtime.environment, runtime.instruments())
    verdict = worst(checks)
    if invocation.json:
        found = [check.model_dump(mode="json") for check in checks]
        report = {"format": "doctor/1", "environment": environment, "verdict": verdict, "checks": found}
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _show(checks, invocation)
    if verdict == "fail":
        raise click.exceptions.Exit(ExitCode.FAILED_UNCHANGED)


def _show(checks: tuple[Check, ...], invocation: Invocation) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", invocation.say("doctor.where"), invocation.say("doctor.what"), invocation.say("doctor.finding"))
    by_subject: dict[str, list[Check]] = {}
    for check in checks:
        by_subject.setdefault(check.subject or check.area, []).append(check)
    for subject, few in by_subject.items():
        shown = [check for check in few if invocation.verbose or check.verdict != "ok"]
        for check in shown:
            table.add_row(*_cells(subject, check))
        if quiet := [check.name for check in few if check not in shown]:
            table.add_row("[green]ok", subject, ", ".join(quiet), invocation.say("doctor.in_order"))
    Console().print(table)
    counted = Counter(check.verdict for check in checks)
    summary = invocation.say("doctor.summary", ok=counted["ok"], warn=counted["warn"], fail=counted["fail"])
    click.secho(summary, fg=_COLOURS["fail" if counted["fail"] else "warn" if counted["warn"] else "ok"], bold=True)


def _cells(subject: str, check: Check) -> tuple[Text, ...]:
    """Text, not str: rich would take brackets in foreign words for its own markup."""
    from rich.text import Text

    finding = check.finding + (f"\n→ {check.remedy}" if check.remedy else "")
    sign = Text(check.verdict, style=_COLOURS[check.verdict])
    return sign, Text(subject), Text(check.name), Text(finding)
