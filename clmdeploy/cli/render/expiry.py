"""What retention decided: a table of all points with every reason, or one JSON object."""

from __future__ import annotations

import json

import click
from rich.text import Text

from clmdeploy.changes.plan import Plan
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, make_table, moment
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.expiring import Seen


def tell_expiry(invocation: Invocation, settings: Environment, seen: Seen, plan: Plan) -> None:
    """Newest first; then why nothing goes, what is dropped, and what somebody should know besides."""
    if invocation.json:
        click.echo(json.dumps(expiry_json(settings.name, seen, plan), ensure_ascii=False))
        return
    console = make_console()
    if seen.verdicts.judgements:
        table = make_table(invocation, "point", "when", "verdict", "why")
        for one in seen.verdicts.judgements:
            verdict = Text(invocation.say("expire.stays"), style="green")
            if not one.keep:
                verdict = Text(invocation.say("expire.goes"), style="bold red")
            reasons = "\n".join(printable(invocation.told(why)) for why in one.reasons)
            table.add_row(one.point, moment(one.completed.isoformat(), settings.time_zone), verdict, reasons)
        for column in table.columns[:3]:
            column.no_wrap = True
        console.print(table)
    for why in seen.verdicts.halted:
        console.print(invocation.say("expire.halted", why=printable(invocation.told(why))), style="bold yellow")
    for remark in seen.verdicts.remarks:
        console.print(invocation.say("expire.remark", remark=printable(invocation.told(remark))))
    drops = seen.verdicts.drops
    counts = {engine: len(drops.of(engine)) for engine in ("pgbackrest", "pgdump", "restic")}
    backups = counts["pgbackrest"] + counts["pgdump"]
    console.print(invocation.say("expire.drops", backups=backups, snapshots=counts["restic"]))


def expiry_json(environment: str, seen: Seen, plan: Plan) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    verdicts = seen.verdicts
    return {
        "format": "expiry/1", "environment": environment,
        "points": [one.model_dump(mode="json") for one in verdicts.judgements],
        "going": [point.id for point in seen.facts.going], "halted": list(verdicts.halted),
        "remarks": list(verdicts.remarks), "drops": verdicts.drops.model_dump(mode="json"),
        "digest": plan.digest if plan.steps else None, "plan": plan.model_dump(mode="json") if plan.steps else None,
    }  # fmt: skip
