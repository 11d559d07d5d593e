"""How a change ended: one line when all went well, else what failed, what runs where, is it safe, what to type."""

from __future__ import annotations

import os
import shlex

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console
from clmdeploy.cli.render.notices import delivery_json
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.composition import ending_document
from clmdeploy.notices.courier import Delivery
from clmdeploy.notices.lines import cause_words, runs_words, safe_words, verdict_words
from clmdeploy.queries.aftermath import Aftermath


def show_ending(invocation: Invocation, events: bool, aftermath: Aftermath, delivery: Delivery | None = None) -> None:
    """Success on stdout, failure on stderr; with `--json` or `--events` one object on stdout instead.

    `delivery`: what became of the notice, where there was one; only JSON shows it.
    """
    if events:
        from clmdeploy.cli.render.events import EventLines

        EventLines().write({"event": "ending", **ending_json(invocation, aftermath, delivery)})
    elif invocation.json:
        import json

        click.echo(json.dumps(ending_json(invocation, aftermath, delivery), ensure_ascii=False))
    elif aftermath.is_good:
        make_console().print(_good_words(invocation, aftermath), style="green", soft_wrap=True)
    else:
        _show_failure(invocation, aftermath)


def ending_json(invocation: Invocation, aftermath: Aftermath, delivery: Delivery | None) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    document = ending_document(aftermath, lambda words: command(invocation, words))
    return document | {"notified": delivery_json(delivery)}


def command(invocation: Invocation, words: str) -> str:
    """A command line that can be pasted: with `--inventories` where that came by option and not by environment."""
    given = invocation.inventories
    where = f"--inventories {shlex.quote(str(given))} " if given and "CLM_INVENTORIES" not in os.environ else ""
    return f"clmdeploy {where}{words}"


def _good_words(invocation: Invocation, aftermath: Aftermath) -> str:
    release, hosts = next(iter(aftermath.runs.items()), ("", []))
    if aftermath.state == "taken-back" and aftermath.message:
        return invocation.say("ending.work_taken_back", title=printable(aftermath.message))
    if aftermath.state == "taken-back":
        return invocation.say("ending.abort_done", runs=_runs(invocation, aftermath))
    if aftermath.point:
        following = command(invocation, aftermath.next or "")
        return invocation.say("ending.point_made", point=aftermath.point, command=following)
    if aftermath.message:
        stands = aftermath.state == "nothing-to-do"
        return invocation.say("ending.stands" if stands else "ending.work_done", title=printable(aftermath.message))
    key = "ending.nothing_to_do" if aftermath.state == "nothing-to-do" else "ending.done"
    shown = release if invocation.verbose else release.rpartition("-")[0]
    return invocation.say(key, release=shown, hosts=", ".join(hosts))


def _show_failure(invocation: Invocation, aftermath: Aftermath) -> None:
    console = make_console(stderr=True)
    console.print(verdict_words(invocation.say, aftermath), style="bold red", soft_wrap=True)
    for line in cause_words(invocation.say, aftermath):
        console.print(f"  {line}", soft_wrap=True)
    console.print(invocation.say("ending.runs", runs=_runs(invocation, aftermath)), soft_wrap=True)
    console.print(safe_words(invocation.say, aftermath), soft_wrap=True)
    if aftermath.next:
        console.print(invocation.say("ending.next", command=command(invocation, aftermath.next)), soft_wrap=True)


def _runs(invocation: Invocation, aftermath: Aftermath) -> str:
    return runs_words(invocation.say, aftermath.runs, aftermath.silent, digests=invocation.verbose)
