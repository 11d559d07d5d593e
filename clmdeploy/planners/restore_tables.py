"""Single tables out of a restore point, into files on a database host: what runs is not touched. Pure.

The cluster is restored once more, beside the true one and on its host; a second server recovers it, tells the tables,
and all of it is removed again. One stage, so that a pause never comes in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.changes.plan import EngineCall, Step, TaskCall
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import NothingChanged
from clmdeploy.planners.restore_database import ending, named_lsn, restore_order
from clmdeploy.planners.restore_step import DAY, SERVICE, Arguments, step, target
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish

STAGE = "beside"
FIRST_OF_USERS = 16384  # OIDs below are those of the server's own databases
WAL = 600  # seconds that the archive may lag behind
SLACK = 512 * 1024**2  # bytes beside the database's own: log that recovery reads, and what it writes


def table_steps(wish: RestoreWish) -> Iterator[Step]:
    """The log up to now, room, the backup's files, recovery and the dumps, and nothing left of it."""
    there = [target(table_host(wish).host)]
    place = _place(wish)
    yield from _log_steps(wish)
    made = _place(wish) | {"state": "made", "need": _needed(wish)}
    yield step(STAGE, "aside", "Make room for a second cluster", TaskCall(act="aside", arguments=made), there,
               "restore", SERVICE)  # fmt: skip
    order = restore_order(wish, wish.choice.target)
    order |= {"side": f"{place['place']}/data", "databases": _databases(wish)}
    yield step(STAGE, "cluster", f"Restore {wish.choice.label} aside",
               EngineCall(act="pgbackrest-restore", arguments=order), there, "nothing", DAY)  # fmt: skip
    names = ", ".join(map(str, wish.scope.tables))
    yield step(STAGE, "tables", f"Recover it to {ending(wish)}, write {names} to {wish.scope.directory}",
               TaskCall(act="tables", arguments=_dumps(wish)), there, "restore", DAY)  # fmt: skip
    gone = TaskCall(act="aside", arguments=place | {"state": "gone"})
    yield step(STAGE, "aside-gone", "Remove the second cluster", gone, there, "nothing", SERVICE)


def _log_steps(wish: RestoreWish) -> Iterator[Step]:
    """What was written last is in no archive yet, and recovery to a moment ends at a commit behind it alone."""
    primary, database = wish.primary, wish.backup.database
    if wish.choice.target.kind in ("default", "time") and primary.readable and not primary.recovery:
        arguments: Arguments = {"data": database.data, "port": database.port, "timeout": WAL}
        yield step(STAGE, "log", "Store the log up to now", TaskCall(act="log_stored", arguments=arguments),
                   [target(primary.host)], "nothing", WAL + 60)  # fmt: skip


def table_host(wish: RestoreWish) -> ClusterFacts:
    """A standby where one has the room, so that the primary need not do this too. Raises NothingChanged."""
    primary = wish.primary
    able = [one for one in (*wish.standbys, primary) if one.beside >= _needed(wish)]
    if not able:
        needed = _needed(wish) // 1024**2 + 1
        raise NothingChanged(
            lines(_crowded(one, needed) for one in wish.clusters),
            Bilingual(
                "make room there, or restore all of it elsewhere", "освободите место или восстановите всё отдельно"
            ),
        )
    return able[0]


def _crowded(one: ClusterFacts, needed: int) -> str:
    host, free = one.host.name, one.beside // 1024**2
    return Bilingual(
        f"{host}: a second cluster needs {needed} MiB, {free} MiB are free",
        f"{host}: второму кластеру нужно {needed} МиБ, свободно {free} МиБ",
    )


def _databases(wish: RestoreWish) -> list[str]:
    """This one alone; all where its number is one of the server's own: these pgBackRest restores at any rate."""
    return [wish.backup.database.name] if wish.primary.oid >= FIRST_OF_USERS else []


def _place(wish: RestoreWish) -> Arguments:
    data = wish.backup.database.data.rstrip("/")
    return {"data": data, "place": f"{data}-aside"}


def _dumps(wish: RestoreWish) -> Arguments:
    tables = [{"schema": one.space, "name": one.name, "file": one.file} for one in wish.scope.tables]
    return _place(wish) | {
        "database": wish.backup.database.name, "directory": wish.scope.directory, "tables": tables,
        "lsn": named_lsn(wish), "timeout": DAY - 600,
    }  # fmt: skip


def _needed(wish: RestoreWish) -> int:
    return wish.choice.base.database.size + SLACK
