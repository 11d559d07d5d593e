"""The restore points: a table of all, newest first, or one JSON object."""

from __future__ import annotations

import json
from datetime import datetime

import click
from rich.text import Text

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import STYLES, make_console, make_table, size_words
from clmdeploy.cli.render.endings import command
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.points import Points, Seen

_LEFT = ("point", "age", "type", "size", "release", "lsn", "pinned", "verified")


def tell_points(invocation: Invocation, settings: Environment, found: Points, now: datetime) -> None:
    """Newest first; below it what is half removed, and what can't be believed (on stderr)."""
    if invocation.json:
        click.echo(json.dumps(points_json(settings.name, found, now), ensure_ascii=False))
        return
    if found.points:
        _show_table(invocation, found, now)
    elif not found.faults:
        click.echo(invocation.say("backup.none", environment=settings.name))
    for entry in found.going:
        again = command(invocation, f"backup expire -e {settings.name}")
        click.echo(invocation.say("backup.going", point=entry.point.id, command=again))
    for fault in found.faults:
        click.echo(invocation.say("backup.fault", fault=printable(invocation.told(fault))), err=True)


def points_json(environment: str, found: Points, now: datetime) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    return {
        "format": "points/1", "environment": environment,
        "points": [_point_json(one, now) for one in found.points],
        "going": [entry.point.id for entry in found.going], "faults": list(found.faults),
    }  # fmt: skip


def size_of(seen: Seen) -> int:
    """Bytes of the database and of the files, as they would be restored."""
    return seen.point.database.size + sum(part.bytes for part in seen.point.files)


def lsn_of(seen: Seen) -> str:
    """Where in the log the point lies; empty for a dump, which has none."""
    wal = seen.point.database.wal
    return wal.named.lsn if wal else ""


def verified_words(invocation: Invocation, seen: Seen) -> Text:
    """When it was last read back whole, or that it is damaged, or that nobody has looked."""
    if seen.faults:
        return Text(invocation.say("backup.damaged"), style=STYLES["failed"])
    if seen.verified is None:
        return Text(invocation.say("backup.not_verified"), style="yellow")
    return Text(f"{seen.verified:%Y-%m-%d}", style="green")


def _show_table(invocation: Invocation, found: Points, now: datetime) -> None:
    table = make_table(invocation, *_LEFT)
    for seen in found.points:
        point, standing = seen.point, seen.entry.standing
        table.add_row(
            point.id, _age(invocation, (now - point.completed).total_seconds()), point.database.type,
            size_words(size_of(seen)), point.release or "-", lsn_of(seen) or invocation.say("backup.no_log"),
            (standing.mode if standing is not None and seen.entry.is_pinned else "") or "",
            verified_words(invocation, seen),
        )  # fmt: skip
    for column in table.columns:
        column.no_wrap = True
    make_console().print(table)


def _age(invocation: Invocation, seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return invocation.say(f"backup.{unit}", count=int(seconds // length))
    return invocation.say("backup.seconds", count=max(0, int(seconds)))


def _point_json(seen: Seen, now: datetime) -> dict[str, JsonValue]:
    point, standing = seen.point, seen.entry.standing
    return {
        "id": point.id, "created": point.created.isoformat(), "completed": point.completed.isoformat(),
        "age": max(0, int((now - point.completed).total_seconds())), "type": point.database.type,
        "size": size_of(seen), "stored": point.database.stored, "release": point.release, "lsn": lsn_of(seen) or None,
        "reason": point.reason, "who": point.who, "signer": seen.entry.principal,
        "pinned": standing.mode if standing is not None and seen.entry.is_pinned else None,
        "verified": seen.verified.isoformat() if seen.verified else None, "faults": list(seen.faults),
    }  # fmt: skip
