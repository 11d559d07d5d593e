"""One restore point: what is in it, what it stands on, what needs it, and the command that restores it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from clmdeploy.backups.listing import Entry
from clmdeploy.backups.point import DatabasePart, FilesPart, RestorePoint
from clmdeploy.backups.standing import Standing
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, make_table, moment, size_words
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.points import lsn_of, size_of, verified_words
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.points import Points, Seen


def tell_point(
    invocation: Invocation, settings: Environment, seen: Seen, among: Points, needed: tuple[str, ...]
) -> None:
    """`needed`: by whom else than other points, in words."""
    if invocation.json:
        click.echo(json.dumps(_json(invocation, settings.name, seen, among, needed), ensure_ascii=False))
        return
    table = make_table(invocation, "what", "value")
    table.show_header = False
    for key, words in _rows(invocation, settings, seen, among, needed):
        table.add_row(invocation.say(f"column.{key}"), "\n".join(map(printable, words.split("\n"))))
    table.add_row(invocation.say("column.verified"), verified_words(invocation, seen))
    click.secho(seen.point.id, bold=True)
    make_console().print(table)
    for fault in seen.faults:
        click.secho(printable(invocation.told(fault)), fg="red")
    click.echo(invocation.say("backup.to_restore", command=_restore(invocation, settings.name, seen.point.id)))


def tell_standing(invocation: Invocation, entry: Entry, *, changed: bool) -> None:
    """Whether the point is pinned now."""
    if invocation.json:
        told = {"format": "point-standing/1", "point": entry.point.id, "changed": changed}
        click.echo(json.dumps(told | {"standing": _standing_json(entry.standing)}, ensure_ascii=False))
        return
    key = "pinned" if entry.is_pinned else "unpinned" if changed else "not_pinned"
    click.echo(invocation.say(f"backup.{key}", point=entry.point.id))


def _json(
    invocation: Invocation, environment: str, seen: Seen, among: Points, needed: tuple[str, ...]
) -> dict[str, JsonValue]:
    return {
        "format": "point/1", "point": seen.point.model_dump(mode="json"), "signer": seen.entry.principal,
        "standing": _standing_json(seen.entry.standing), "size": size_of(seen),
        "verified": seen.verified.isoformat() if seen.verified else None, "faults": list(seen.faults),
        "stands_on": list(among.stands_on(seen)), "stand_on_it": list(among.stand_on(seen)), "needed_by": list(needed),
        "restore": _restore(invocation, environment, seen.point.id),
    }  # fmt: skip


def _standing_json(standing: Standing | None) -> dict[str, JsonValue] | None:
    """As documented; without what only its writer needs."""
    return standing.model_dump(mode="json", exclude={"format", "nonce", "environment_id"}) if standing else None


def _restore(invocation: Invocation, environment: str, point_id: str) -> str:
    return command(invocation, f"restore {point_id} -e {environment}")


def _rows(
    invocation: Invocation, settings: Environment, seen: Seen, among: Points, needed: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    point, zone = seen.point, settings.time_zone
    yield "when", f"{moment(point.created.isoformat(), zone)} - {moment(point.completed.isoformat(), zone)}"
    yield "who", f"{point.who} ({invocation.say('release.signed', signer=seen.entry.principal)})"
    if point.reason:
        yield "reason", point.reason
    yield "release", point.release or "-"
    yield "schema", "-" if point.schema_version is None else str(point.schema_version)
    yield "size", size_words(size_of(seen))
    yield "database", "\n".join(_database(point.database))
    yield "lsn", lsn_of(seen) or invocation.say("backup.no_log")
    yield from (("files", _files(part)) for part in point.files)
    yield from _ties(invocation, point, seen, among, needed)


def _database(part: DatabasePart) -> Iterator[str]:
    yield f"{part.engine} {part.repository} {part.label} ({part.type})"
    yield f"{size_words(part.size)} (+{size_words(part.stored)})"
    if part.wal:
        yield f"{part.wal.named.name}, WAL {part.wal.start} - {part.wal.until.name}"


def _files(part: FilesPart) -> str:
    return f"{part.host}:{part.path}, {part.files}, {size_words(part.bytes)}, {part.engine} {part.snapshot[:12]}"


def _ties(
    invocation: Invocation, point: RestorePoint, seen: Seen, among: Points, needed: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """What holds it, and what it holds."""
    lacking = len(point.database.references) - len(among.stands_on(seen))
    below = [*among.stands_on(seen), *([invocation.say("backup.no_point", count=lacking)] if lacking > 0 else [])]
    if below:
        yield "stands_on", "\n".join(below)
    wanted = [*among.stand_on(seen), *map(invocation.told, needed)]
    yield "needed_by", "\n".join(wanted) or "-"
    standing = seen.entry.standing
    if standing is not None and seen.entry.is_pinned:
        at = moment(standing.at.isoformat(), "UTC")
        yield "pinned", f"{standing.mode}: {standing.reason} ({standing.by}, {at})"
