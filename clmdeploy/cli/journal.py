"""`clmdeploy journal`: the record of all work, to read and to verify."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.output_file import output_file
from clmdeploy.model.faults import printable

if TYPE_CHECKING:
    from clmdeploy.changes.events import Event
    from clmdeploy.queries.journal_export import JournalExport

MOST = 10_000  # changes looked at for --since
SCOPES = ("fleet", "data")
UNITS = {"m": 60, "h": 3600, "d": 86400}


@click.group(short_help="Read and verify the record of all work.")
def journal() -> None:
    """Read and verify the record of all work."""


@journal.command(short_help="Events, oldest first.")
@environment_option
@click.option("--change", "change_id", metavar="ID", help="Only this change.")
@click.option("--since", metavar="WHEN", help="Not older than this: 2h, 7d, 2026-07-01 or 2026-07-01T21:00.")
@click.option("--last", type=click.IntRange(1, MOST), default=5, show_default=True, help="Changes, without --since.")
@json_option
@pass_invocation
def show(invocation: Invocation, environment: str, change_id: str | None, since: str | None, last: int) -> None:
    """Show the events of the newest changes, of one change, or since a moment (in the environment's time zone)."""
    from clmdeploy.queries.chains import events_since, story
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        zone = runtime.environment.settings.time_zone
        moment = moment_of(since, zone, runtime.clock.now()) if since else None
        if change_id:
            events = [one for one in story(runtime.journals, change_id).events if not moment or _at(one) >= moment]
        else:
            events = events_since(runtime.journals, moment, MOST if moment else last)
        _show(invocation, environment, events, zone)


@journal.command(short_help="Check every event, link and signature.")
@environment_option
@json_option
@pass_invocation
def verify(invocation: Invocation, environment: str) -> None:
    """Check that no event is missing or was edited, and that the journal's head is signed; exit code 10 if not."""
    from clmdeploy.changes.verification import verify as verify_journal
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        number = sum(verify_journal(one) for one in runtime.journals)
    if invocation.json:
        click.echo(json.dumps({"format": "verification/1", "environment": environment, "events": number, "good": True}))
    else:
        click.echo(invocation.say("journal.good", count=number))


@journal.command(short_help="Bring in what was done without the storage.")
@environment_option
@json_option
@pass_invocation
def ship(invocation: Invocation, environment: str) -> None:
    """Bring the journal of `rollback --offline` into the bucket, as the next deploy from here would."""
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.offline import ship_work, unshipped

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        changes = unshipped(runtime)
        for change in changes:
            ship_work(runtime, change)
    if invocation.json:
        click.echo(json.dumps({"format": "shipment/1", "environment": environment, "changes": changes}))
    for change in [] if invocation.json else changes:
        click.echo(invocation.say("offline.shipped", change=change))
    if not changes and not invocation.json:
        click.echo(invocation.say("offline.none"))


@journal.command(short_help="All events as JSON lines, for outsiders.")
@environment_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a file.  [default: stdout]"
)
@click.option("--change", "change_id", metavar="ID", help="Only this change.")
@click.option("--since", metavar="WHEN", help="Not older than this: 2h, 7d, 2026-07-01 or 2026-07-01T21:00.")
@click.option(
    "--scope", type=click.Choice(SCOPES), default="fleet", show_default=True,
    help="Which of the journal's chains: what runs, or backups.",
)  # fmt: skip
@click.option("--unverified", is_flag=True, help="Go on behind an event that does not fit, and mark it.")
@json_option
@pass_invocation
def export(
    invocation: Invocation,
    environment: str,
    out: Path | None,
    change_id: str | None,
    since: str | None,
    scope: str,
    unverified: bool,
) -> None:
    """Write every event of a chain as a line of JSON, byte for byte as it is stored, and the signed head as the last.

    Exit code 10 at the first event that does not fit. docs/json.md tells how to check the lines without clmdeploy.
    """
    from clmdeploy.queries.chains import journal_with
    from clmdeploy.queries.changes import refuse_unknown
    from clmdeploy.queries.journal_export import JournalExport
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        journal = runtime.journals[SCOPES.index(scope)]
        if change_id:
            journal = journal_with(runtime.journals, change_id)
            refuse_unknown(journal, change_id)
        moment = moment_of(since, runtime.environment.settings.time_zone, runtime.clock.now()) if since else None
        made = JournalExport(journal, lambda one: _is_wanted(one, change_id, moment), unverified)
        with _destination(out) as file:
            for line in made.lines():
                file.write(line + b"\n")
    _tell_export(invocation, environment, out, made)


def _destination(out: Path | None) -> AbstractContextManager[BinaryIO]:
    if out:
        return output_file(out)
    return nullcontext(sys.stdout.buffer)


def _is_wanted(event: Event, change: str | None, since: datetime | None) -> bool:
    return (change is None or event.change == change) and (since is None or _at(event) >= since)


def _tell_export(invocation: Invocation, environment: str, out: Path | None, made: JournalExport) -> None:
    for fault in made.faults:
        click.echo(invocation.say("journal.unfit", fault=printable(fault)), err=True)
    if out and invocation.json:
        told = {"format": "journal-export/1", "environment": environment, "file": str(out), "events": made.events}
        click.echo(json.dumps({**told, "faults": made.faults}, ensure_ascii=False))
    elif out:
        click.echo(invocation.say("journal.exported", count=made.events, file=out))


def moment_of(since: str, zone: str, now: datetime) -> datetime:
    """`2h` before `now`, or a day or moment in `zone`. Raises BadParameter."""
    number, unit = since[:-1], since[-1:]
    if number.isdigit() and len(number) < 6 and unit in UNITS:
        return now - timedelta(seconds=int(number) * UNITS[unit])
    try:
        given = datetime.fromisoformat(since)
    except ValueError as error:
        raise click.BadParameter(f"--since {since[:40]!r}: give 2h, 7d, 2026-07-01 or 2026-07-01T21:00") from error
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _at(event: Event) -> datetime:
    return datetime.fromisoformat(event.at)


def _show(invocation: Invocation, environment: str, events: list[Event], zone: str) -> None:
    from itertools import groupby

    from clmdeploy.cli.render.changes import event_json, show_events
    from clmdeploy.cli.render.console import make_console

    if invocation.json:
        shown = [event_json(event) for event in events]
        click.echo(json.dumps({"format": "events/1", "environment": environment, "events": shown}, ensure_ascii=False))
        return
    console = make_console()
    if not events:
        console.print(invocation.say("change.none"))
    for change, group in groupby(events, key=lambda event: event.change):
        console.print(change, style="bold")
        show_events(console, invocation, list(group), zone)
        console.print()
