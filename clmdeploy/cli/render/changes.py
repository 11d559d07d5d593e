"""Changes as the journal tells of them: a table of many, or all of one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clmdeploy.changes.events import Event, Who
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import STYLES, make_console, make_table, moment, span
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.plan import show_plan
from clmdeploy.cli.render.rows import subject_of
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.changes import ChangeSummary, Story, state_of


def show_summaries(invocation: Invocation, found: Sequence[ChangeSummary], zone: str) -> None:
    """Newest first."""
    console = make_console()
    if not found:
        console.print(invocation.say("change.none"))
        return
    table = make_table(invocation, "change", "when", "who", "state", "seconds", "title")
    for one in found:
        table.add_row(
            one.id, moment(one.opened, zone), one.who.principal, _state(invocation, one), span(one.seconds),
            printable(one.title),
        )  # fmt: skip
    for column in table.columns[:5]:
        column.no_wrap = True
    console.print(table)


def summary_json(one: ChangeSummary) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    return one.model_dump(mode="json") | {"seconds": one.seconds}


def show_story(invocation: Invocation, found: Story, zone: str) -> None:
    """Who and why, the plan, and every event with the outcome of every host."""
    console, first, last = make_console(), found.events[0], found.events[-1]
    console.print(_facts(invocation, found, zone))
    console.print()
    show_plan(console, invocation, found.signed.plan)
    console.print()
    show_events(console, invocation, found.events, zone)
    state = state_of(last)
    if state in ("open", "paused", "stopped") or any(found.ledger.owed()):
        environment = first.environment
        for verb in ("resume", "abort"):
            words = command(invocation, f"change {verb} {found.id} -e {environment}")
            console.print(invocation.say(f"change.to_{verb}", command=words), soft_wrap=True)


def story_json(found: Story) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    ledger, first, last = found.ledger, found.events[0], found.events[-1]
    states: dict[str, dict[str, str]] = {}
    for step in found.signed.plan.steps:
        states[step.id] = {target.key: ledger.state(step, target) for target in step.targets}
    return {
        "format": "change/1", "id": found.id, "kind": found.signed.plan.kind, "title": found.signed.plan.title,
        "state": state_of(last), "who": first.who.model_dump(mode="json"), "opened": first.at, "last_event": last.at,
        "reason": first.detail.get("reason", ""), "digest": found.signed.digest,
        "plan": found.signed.plan.model_dump(mode="json"), "states": states,
        "approvals": first.detail.get("approvals", []), "events": [event_json(event) for event in found.events],
    }  # fmt: skip


def event_json(event: Event) -> dict[str, JsonValue]:
    """One event of the journal, with its own digest."""
    return event.model_dump(mode="json") | {"digest": event.digest}


def show_events(console: Console, invocation: Invocation, events: Sequence[Event], zone: str) -> None:
    """One line an event, and one below it for each host that failed."""
    table = make_table(invocation, "when", "event", "step", "hosts")
    for event in events:
        kind = Text(event.kind, style=STYLES.get(str(event.detail.get("state", "")), ""))
        table.add_row(moment(event.at, zone), kind, event.step, _outcomes(event))
    for column in table.columns[:3]:
        column.no_wrap = True
    console.print(table)


def who_words(who: Who) -> str:
    """`admin@lab (root@node1, job 17)`."""
    job = f", {who.job}" if who.job else ""
    return printable(f"{who.principal} ({who.user}@{who.host}{job})")


def _outcomes(event: Event) -> Text:
    if event.kind in ("opened", "taken-over"):
        return Text(
            " ".join(part for part in (who_words(event.who), printable(event.detail.get("reason") or "")) if part)
        )
    if event.kind == "closed":
        return Text(str(event.detail["state"]), style=STYLES.get(str(event.detail["state"]), ""))
    if event.kind == "host-dropped":
        return Text(", ".join(event.detail["hosts"]))
    bad = {key: outcome for key, outcome in event.outcomes.items() if not outcome.is_done}
    if event.kind.endswith("-started") or not bad:
        return Text(", ".join(dict.fromkeys(subject_of(key) for key in event.outcomes)))
    good = [subject_of(key) for key in event.outcomes if key not in bad]
    lines = [f"{subject_of(key)}: {one.status}: {printable(one.message)}" for key, one in bad.items()]
    return Text("\n".join([*([", ".join(good)] if good else []), *lines]), style="red")


def _facts(invocation: Invocation, found: Story, zone: str) -> Table:
    first, last = found.events[0], found.events[-1]
    state = state_of(last)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_row(invocation.say("column.change"), found.id)
    table.add_row(invocation.say("column.state"), Text(invocation.say(f"state.{state}"), style=STYLES.get(state, "")))
    table.add_row(invocation.say("column.who"), who_words(first.who))
    table.add_row(invocation.say("column.when"), f"{moment(first.at, zone)} - {moment(last.at, zone)}")
    if first.detail.get("reason"):
        table.add_row(invocation.say("column.reason"), printable(str(first.detail["reason"])))
    if first.detail.get("approvals"):
        approvers = ", ".join(one["principal"] for one in first.detail["approvals"])
        table.add_row(invocation.say("column.approvals"), printable(approvers))
    return table


def _state(invocation: Invocation, one: ChangeSummary) -> Text:
    words = invocation.say(f"state.{one.state}")
    if one.owed:
        words += f" ({invocation.say('state.owed')}: {', '.join(one.owed)})"
    return Text(words, style=STYLES.get("owed" if one.owed else one.state, ""))
