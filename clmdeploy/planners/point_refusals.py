"""Why a restore point can't be made: everything that stands against it is told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.backups.layout import Layout
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, NothingChanged
from clmdeploy.planners.point_facts import PointFacts, ServerRole

_MEND = Bilingual("mend this, then run the same command again", "исправьте это и повторите ту же команду")


def refuse_unready(layout: Layout, facts: PointFacts) -> None:
    """Raises HostUnreachable where no primary answers, else NothingChanged naming everything that is wrong."""
    answering = [one for one in facts.servers if not one.message]
    primaries = [one for one in answering if not one.standby]
    if not primaries:
        silent = [one.message for one in facts.servers if one.message]
        raise HostUnreachable(lines([_no_primary(layout), *silent]), _MEND)
    faults = [*_of_primaries(primaries)]
    if layout.archives:
        faults += [fault for one in primaries for fault in _of(one)]
    if faults:
        raise NothingChanged(lines(faults), _MEND)


def _no_primary(layout: Layout) -> Bilingual:
    group = layout.backup.database.group
    return Bilingual(
        f"no host of group {group} answers as the primary of the database",
        f"ни один узел группы {group} не отвечает как основной сервер базы",
    )


def _of_primaries(primaries: list[ServerRole]) -> Iterator[Bilingual]:
    if len(primaries) > 1:
        names = ", ".join(one.host.name for one in primaries)
        yield Bilingual(f"more than one primary: {names}", f"основных серверов больше одного: {names}")


def _of(server: ServerRole) -> Iterator[Bilingual]:
    name = server.host.name
    if server.fork:
        yield Bilingual(
            f"{name}: this is {server.fork}, which pgBackRest does not know: use the engine pgdump",
            f"{name}: это {server.fork}, pgBackRest его не поддерживает: используйте pgdump",
        )
    if server.archive_mode == "off":
        yield Bilingual(
            f"{name}: archive_mode is off: run clmdeploy backup setup",
            f"{name}: archive_mode выключен: выполните clmdeploy backup setup",
        )
