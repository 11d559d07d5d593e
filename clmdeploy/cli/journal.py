"""`clmdeploy journal`: the record of all work, to read and to verify."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation

if TYPE_CHECKING:
    from clmdeploy.changes.events import Event

MOST = 10_000  # changes looked at for --since
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
    from clmdeploy.queries.changes import events_since, story
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        zone = runtime.environment.settings.time_zone
        moment = moment_of(since, zone, runtime.clock.now()) if since else None
        if change_id:
            events = [one for one in story(runtime.journal, change_id).events if not moment or _at(one) >= moment]
        else:
            events = events_since(runtime.journal, moment, MOST if moment else last)
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
        number = verify_journal(runtime.journal)
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
    from clmdeploy.offline import ship_work, unshipped
    from clmdeploy.runtime import Runtime

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
