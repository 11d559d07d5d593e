"""Proposed changes before they begin: who wants what, who approved it, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clmdeploy.changes.approvals import Granted, Tally
from clmdeploy.changes.proposed import Proposed
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.changes import who_words
from clmdeploy.cli.render.console import STYLES, make_console, make_table, moment
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.plan import show_plan
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.proposals import ProposalSummary, summary_of

_STANDING_STYLES = {"valid": "green", "expired": "yellow", "own": "yellow"}


def show_proposals(invocation: Invocation, found: Sequence[ProposalSummary], zone: str) -> None:
    """Newest first; nothing at all when none waits."""
    if not found:
        return
    table = make_table(invocation, "proposed", "when", "who", "approvals", "title")
    for one in found:
        who = one.who.principal if one.who else ""
        what = Text(printable(one.title or one.fault), style="bold red" if one.fault else "")
        table.add_row(one.id, moment(one.at, zone) if one.at else "", who, _counted(one), what)
    for column in table.columns[:4]:
        column.no_wrap = True
    console = make_console()
    console.print(table)
    console.print()


def show_proposed(invocation: Invocation, found: Proposed, zone: str) -> None:
    """Who wants it and why, the plan, and every approval."""
    console = make_console()
    console.print(_facts(invocation, found, zone))
    console.print()
    show_plan(console, invocation, found.signed.plan)
    _show_approvals(console, invocation, found.tally, zone)


def show_next(invocation: Invocation, found: Proposed) -> None:
    """The command for the approver while approvals are missing, then the one that applies it."""
    key = "approval.missing" if found.tally.missing else "approval.ready"
    makers, following = ", ".join(found.makers), next_words(invocation, found)
    words = invocation.say(key, missing=found.tally.missing, makers=makers, command=following)
    make_console().print(words, soft_wrap=True)


def next_words(invocation: Invocation, found: Proposed) -> str:
    """What somebody is to type next."""
    verb = "approve" if found.tally.missing else "apply"
    return command(invocation, f"change {verb} {found.id} -e {found.subject.environment}")


def proposal_json(one: ProposalSummary) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    return one.model_dump(mode="json", exclude={"tally"}) | tally_json(one.tally)


def proposed_json(found: Proposed) -> dict[str, JsonValue]:
    """The same keys as of a change that has begun."""
    one, plan = summary_of(found), found.signed.plan
    pending = {step.id: {target.key: "pending" for target in step.targets} for step in plan.steps}
    return {
        "format": "change/1", "id": found.id, "kind": plan.kind, "title": plan.title, "state": state_of(found),
        "who": one.who.model_dump(mode="json") if one.who else None, "opened": None, "last_event": None,
        "reason": one.reason, "digest": one.digest, "plan": plan.model_dump(mode="json"), "states": pending,
        "events": [], "approvals": tally_json(found.tally)["approvals"],
    }  # fmt: skip


def tally_json(found: Tally) -> dict[str, JsonValue]:
    """Every approval, and how many are needed."""
    return {"approvals": [one.model_dump(mode="json") for one in found.granted], "required": found.required}


def state_of(found: Proposed) -> str:
    return "withdrawn" if found.withdrawn else "proposed"


def _facts(invocation: Invocation, found: Proposed, zone: str) -> Table:
    stated, state = found.proposal.statement, state_of(found)
    rows = [
        ("column.change", Text(found.id)),
        ("column.state", Text(invocation.say(f"state.{state}"), style=STYLES.get(state, ""))),
        ("column.who", Text(who_words(found.who))),
        ("column.when", Text(moment(stated.at.isoformat(), zone))),
        ("plan.digest", Text(found.signed.digest)),
        *([("column.reason", Text(printable(stated.reason)))] if stated.reason else []),
    ]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for key, words in rows:
        table.add_row(invocation.say(key), words)
    return table


def _show_approvals(console: Console, invocation: Invocation, found: Tally, zone: str) -> None:
    if not found.granted and not found.required:
        return
    console.print()
    console.print(invocation.say("approval.counted", count=len(found.counting), required=found.required))
    for one in found.granted:
        console.print(_granted_words(invocation, one, zone), style=_STANDING_STYLES[one.standing], soft_wrap=True)


def _granted_words(invocation: Invocation, one: Granted, zone: str) -> str:
    words = invocation.say(f"approval.{one.standing}", who=one.principal, until=moment(one.expires, zone))
    return f"  {words}{f': {printable(one.reason)}' if one.reason else ''}"


def _counted(one: ProposalSummary) -> str:
    return "" if one.fault else f"{len(one.tally.counting)}/{one.tally.required}"
