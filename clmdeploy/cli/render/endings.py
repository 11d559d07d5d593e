"""How a change ended: one line when all went well, else what failed, what runs where, is it safe, what to type."""

from __future__ import annotations

import os
import shlex

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.aftermath import Aftermath, concerns

MOST_FAILURES = 20  # shown to people; JSON and the journal hold them all


def show_ending(invocation: Invocation, events: bool, aftermath: Aftermath) -> None:
    """Success on stdout, failure on stderr; with `--json` or `--events` one object on stdout instead."""
    if events:
        from clmdeploy.cli.render.events import EventLines

        EventLines().write({"event": "ending", **ending_json(invocation, aftermath)})
    elif invocation.json:
        import json

        click.echo(json.dumps(ending_json(invocation, aftermath), ensure_ascii=False))
    elif aftermath.is_good:
        make_console().print(_good_words(invocation, aftermath), style="green", soft_wrap=True)
    else:
        _show_failure(invocation, aftermath)


def ending_json(invocation: Invocation, aftermath: Aftermath) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    following = command(invocation, aftermath.next) if aftermath.next else None
    return aftermath.model_dump(mode="json") | {"safe": aftermath.safe, "next": following}


def command(invocation: Invocation, words: str) -> str:
    """A command line that can be pasted: with `--inventories` where that came by option and not by environment."""
    given = invocation.inventories
    where = f"--inventories {shlex.quote(str(given))} " if given and "CLM_INVENTORIES" not in os.environ else ""
    return f"clmdeploy {where}{words}"


def runs_words(invocation: Invocation, runs: dict[str, list[str]], silent: tuple[str, ...] = ()) -> str:
    """`1.1.0 on app1, app2; nothing on app3; no answer from worker1`."""
    parts = []
    for release, hosts in runs.items():
        shown = release if invocation.verbose else release.rpartition("-")[0]
        key = "ending.runs_on" if release else "ending.runs_nothing"
        parts.append(invocation.say(key, release=shown, hosts=", ".join(hosts)))
    if silent:
        parts.append(invocation.say("ending.silent", hosts=", ".join(silent)))
    return "; ".join(parts) or invocation.say("ending.runs_unknown")


def _good_words(invocation: Invocation, aftermath: Aftermath) -> str:
    release, hosts = next(iter(aftermath.runs.items()), ("", []))
    if aftermath.state == "taken-back":
        return invocation.say("ending.abort_done", runs=runs_words(invocation, aftermath.runs, aftermath.silent))
    key = "ending.nothing_to_do" if aftermath.state == "nothing-to-do" else "ending.done"
    shown = release if invocation.verbose else release.rpartition("-")[0]
    return invocation.say(key, release=shown, hosts=", ".join(hosts))


def _show_failure(invocation: Invocation, aftermath: Aftermath) -> None:
    console = make_console(stderr=True)
    state = "done_partly" if aftermath.state == "done" else aftermath.state.replace("-", "_")
    console.print(invocation.say(f"ending.{state}"), style="bold red", soft_wrap=True)
    for line in _causes(invocation, aftermath):
        console.print(f"  {line}", soft_wrap=True)
    runs = runs_words(invocation, aftermath.runs, aftermath.silent)
    console.print(invocation.say("ending.runs", runs=runs), soft_wrap=True)
    console.print(_safe_words(invocation, aftermath), soft_wrap=True)
    if aftermath.next:
        console.print(invocation.say("ending.next", command=command(invocation, aftermath.next)), soft_wrap=True)


def _causes(invocation: Invocation, aftermath: Aftermath) -> list[str]:
    lines = [
        f"{failure.host}: {printable(failure.step)}: {printable(failure.message) or failure.status}"
        for failure in aftermath.failures[:MOST_FAILURES]
    ]
    if len(aftermath.failures) > MOST_FAILURES:
        lines.append(invocation.say("ending.more_failures", count=len(aftermath.failures) - MOST_FAILURES))
    lines += [printable(line) for line in aftermath.message.splitlines()]
    if aftermath.dropped:
        lines.append(invocation.say("ending.dropped", hosts=", ".join(aftermath.dropped)))
    return lines


def _safe_words(invocation: Invocation, aftermath: Aftermath) -> str:
    found = [invocation.say(f"ending.concern_{kind}", names=names) for kind, names in concerns(aftermath)]
    if aftermath.state == "unknown":
        found.append(invocation.say("ending.concern_unknown"))
    if not found:
        return invocation.say("ending.safe")
    return invocation.say("ending.not_safe", why="; ".join(found))
