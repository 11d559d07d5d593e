"""A plan before it is applied: what happens where, in which order, and what taking it back would need."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from clmdeploy.changes.plan import Plan, Step
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import arrow, make_table
from clmdeploy.cli.render.outlook import outlook_rows
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.outlook import Outlook


def show_plan(console: Console, invocation: Invocation, plan: Plan, outlook: Outlook | None = None) -> None:
    """Title, from → to, verdict, outlook, rules set aside, the steps by stage, and what can't be taken back."""
    console.print(printable(plan.title), style="bold")
    console.print(_facts(console, invocation, plan, outlook))
    if plan.steps:
        console.print()
        console.print(_steps(invocation, plan))
    for step in plan.irreversible:
        console.print(invocation.say("plan.irreversible", step=step.title), style="bold red")


def plan_json(plan: Plan, outlook: Outlook | None = None) -> dict[str, JsonValue]:
    """The whole plan, the digest of its canonical form, and its outlook, which is no part of either."""
    told = outlook.model_dump(mode="json") if outlook else None
    return {"format": "planned/1", "digest": plan.digest, "plan": plan.model_dump(mode="json"), "outlook": told}


def stage_number(plan: Plan, step: Step) -> str:
    """`3/6 canary`."""
    return f"{plan.stages.index(step.stage) + 1}/{len(plan.stages)} {step.stage}"


def hosts_of(step: Step) -> str:
    """The hosts that a step is about."""
    return ", ".join(dict.fromkeys(target.subject for target in step.targets))


def _facts(console: Console, invocation: Invocation, plan: Plan, outlook: Outlook | None) -> Table:
    nothing, moves = invocation.say("plan.nothing"), plan.from_release or plan.to_release
    way = f"{plan.from_release or nothing} {arrow(console)} {plan.to_release or nothing}"
    rows = [
        *((("plan.from_to", way),) if moves else ()),
        ("plan.verdict", f"{plan.verdict.kind}: {invocation.told(plan.verdict.reason)}"),
        *outlook_rows(invocation, outlook),
        ("plan.policy", f"{plan.policy.on_failure}{f' {plan.policy.tolerate}' if plan.policy.tolerate else ''}"),
        *(("plan.set_aside", f"{name.replace('_', '-')}: {why}") for name, why in sorted(plan.reasons.items())),
    ]
    if invocation.verbose:
        rows += [
            ("plan.digest", plan.digest),
            *(("plan.input", f"{key} {value}") for key, value in plan.inputs.items()),
        ]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for key, words in rows:
        table.add_row(f"  {invocation.say(key)}", printable(words))
    return table


def _steps(invocation: Invocation, plan: Plan) -> Table:
    table = make_table(invocation, "stage", "step", "hosts", "undo")
    shown = ""
    for step in plan.steps:
        stage = stage_number(plan, step)
        undo = invocation.say(f"undo.{step.undo}")
        table.add_row(stage if stage != shown else "", printable(step.title), hosts_of(step), undo)
        shown = stage
    table.columns[0].no_wrap = True
    return table
