"""What `status` shows of backups: the archiving of the log, the newest restore point."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import moment
from clmdeploy.cli.render.endings import command
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.safety import LastPoint, Safety, next_for_archiving
from clmdeploy.queries.wal import Archiving


def safety_json(safety: Safety | None) -> dict[str, JsonValue]:
    """As documented in docs/json.md; null where clm.yml describes no backups."""
    told = safety.model_dump(mode="json") if safety else {}
    return {"archiving": told.get("archiving"), "last_point": told.get("last_point")}


def safety_lines(invocation: Invocation, settings: Environment, safety: Safety) -> Iterator[tuple[str, str, str]]:
    """Key of the catalogue, words, style."""
    if safety.archiving is not None:
        yield from _archiving(invocation, settings, safety.archiving)
    if safety.fault:
        yield "point", printable(invocation.told(safety.fault)), "bold yellow"
    elif safety.last_point is not None:
        yield _point(invocation, settings, safety.last_point)
    else:
        yield "point", invocation.say("status.no_point"), "bold yellow"


def _archiving(invocation: Invocation, settings: Environment, found: Archiving) -> Iterator[tuple[str, str, str]]:
    cause = printable(invocation.told(found.cause))
    if found.state == "sound":
        if found.stored:
            yield "archiving", invocation.say("status.log_sound", stored=found.stored), ""
        return
    if found.state == "stalled":
        since = moment(found.since.isoformat(), settings.time_zone) if found.since else "?"
        words = invocation.say("status.log_stalled", since=since, count=found.waiting, host=found.primary, cause=cause)
        yield "archiving", words, "bold red"
    else:
        yield "archiving", cause, "bold red" if found.state == "off" else "bold yellow"
    service = settings.backup.database.service if settings.backup else ""
    following = next_for_archiving(settings.name, found, service)
    if following:
        yield "archiving", invocation.say("status.log_next", command=command(invocation, following)), ""


def _point(invocation: Invocation, settings: Environment, last: LastPoint) -> tuple[str, str, str]:
    made = moment(last.completed.isoformat(), settings.time_zone)
    if last.faults:
        cause = printable(invocation.told(last.faults[0]))
        return "point", invocation.say("status.point_spoiled", point=last.id, made=made, cause=cause), "bold red"
    if last.verified is None:
        return "point", invocation.say("status.point_unread", point=last.id, made=made), ""
    read = moment(last.verified.isoformat(), settings.time_zone)
    return "point", invocation.say("status.point_read", point=last.id, made=made, read=read), ""
