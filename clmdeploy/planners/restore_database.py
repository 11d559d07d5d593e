"""The steps of a restore that work on the database: stopped, replaced, recovered, followed, opened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from clmdeploy.backups.pgbackrest_recovery import Target as Recovery
from clmdeploy.backups.restore_works import Goal
from clmdeploy.backups.wal import Segment
from clmdeploy.changes.plan import EngineCall, Step, TaskCall, Undo
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.restore_dump import dump_steps, is_dump
from clmdeploy.planners.restore_step import DAY, SERVICE, Arguments, step, target
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish


def stop_database_steps(wish: RestoreWish) -> Iterator[Step]:
    """Nobody can connect, then nobody runs."""
    primary = wish.primary
    if primary.readable:
        yield _database_step(wish, "stop", "close", "Let nobody connect to the database", "door",
                             {"state": "closed"}, [primary], {"state": "open"})  # fmt: skip
    if is_dump(wish):
        return
    if wish.standbys:
        yield _database_step(wish, "stop", "stop-standbys", "Stop the standbys", "standby",
                             {"state": "stopped"}, wish.standbys, {})  # fmt: skip
    # What the archive does not have yet would be removed with the rest; without a server nothing can be archived.
    archived = _must_be_archived(wish)
    yield _database_step(wish, "stop", "stop-database", "Stop the database", "cluster",
                         {"state": "stopped", "archived": archived}, [primary], {})  # fmt: skip


def _must_be_archived(wish: RestoreWish) -> bool:
    """Whether all of the log that lies beside the data must be stored: always, where recovery is to read on in it."""
    kind, primary = wish.choice.target.kind, wish.primary
    if primary.readable and not primary.recovery:
        return wish.makes_safety_point or kind in ("default", "time")
    return kind == "default" and wish.left is None


def database_steps(wish: RestoreWish) -> Iterator[Step]:
    """The backup's files, the log up to the target, and an ordinary server again."""
    if is_dump(wish):
        yield from dump_steps(wish)
        return
    primary = wish.primary
    yield step(
        "database", "database", f"Restore the database from {wish.choice.label} to {ending(wish)}",
        EngineCall(act="pgbackrest-restore", arguments=restore_order(wish, wish.choice.target)),
        [target(primary.host)], "irreversible", DAY,
    )  # fmt: skip
    named = named_lsn(wish)
    slots = list(wish.slots)
    yield _database_step(wish, "database", "recover", "Replay the log, begin a new timeline, archive it", "recovery",
                         {"lsn": named, "least": _least(wish), "slots": slots, "or_end": _ends_with_the_log(wish)},
                         [primary], {}, "keep", DAY)  # fmt: skip


def _ends_with_the_log(wish: RestoreWish) -> bool:
    """A primary that is stopped for this leaves a last commit; of a log that had ended before, none need follow."""
    return wish.choice.target.kind == "time" and not wish.primary.readable


def standby_steps(wish: RestoreWish) -> Iterator[Step]:
    """Each standby anew from the same backup, then along the new timeline. Without them the service still runs."""
    if not wish.standbys or is_dump(wish):
        return
    targets = [target(one.host) for one in wish.standbys]
    yield step(
        "standbys", "standbys", "Restore the standbys",
        EngineCall(act="pgbackrest-restore", arguments=restore_order(wish, Recovery("standby"))), targets, "keep", DAY,
        essential=False,
    )  # fmt: skip
    yield _database_step(wish, "standbys", "follow", "Let the standbys follow the primary", "standby",
                         {"state": "following"}, wish.standbys, {}, "keep", SERVICE, essential=False)  # fmt: skip


def _least(wish: RestoreWish) -> str:
    """Where recovery to the end of the log must have got to: the beginning of what was archived last."""
    wal = wish.choice.base.database.wal
    if wish.choice.target.kind != "default" or wal is None:
        return ""
    begins = Segment.named(wish.until, wal.segment_size).number * wal.segment_size
    return f"{begins >> 32:X}/{begins & 0xFFFFFFFF:X}"


def open_steps(wish: RestoreWish) -> Iterator[Step]:
    """The database lets everybody in again."""
    yield _database_step(wish, "check", "open", "Let everybody connect to the database", "door",
                         {"state": "open"}, [wish.primary], {}, "keep")  # fmt: skip


def _database_step(
    wish: RestoreWish, stage: str, name: str, title: str, act: str, more: Mapping[str, JsonValue],
    clusters: Iterable[ClusterFacts], before: Mapping[str, JsonValue], undo: Undo = "restore", timeout: int = SERVICE,
    essential: bool = True,
) -> Step:  # fmt: skip
    database = wish.backup.database
    arguments = {
        "service": database.service, "data": database.data, "port": database.port, "timeout": timeout - 60, **more,
    }  # fmt: skip
    targets = [
        target(one.host, before=before or {"state": "running" if one.running else "stopped"}) for one in clusters
    ]
    return step(stage, name, title, TaskCall(act=act, arguments=arguments), targets, undo, timeout, essential=essential)


def named_lsn(wish: RestoreWish) -> str:
    """Where recovery must have ended; empty where that is not known before."""
    wal = wish.choice.base.database.wal
    return wal.named.lsn if wal is not None and wish.choice.target.kind == "name" else ""


def restore_order(wish: RestoreWish, target: Recovery) -> Arguments:
    """What lays the chosen backup down, for recovery to `target`."""
    database = wish.backup.database
    goal = Goal.of(target).model_dump(mode="json", exclude_none=True)
    return {
        "stanza": database.stanza, "processes": database.processes, "label": wish.choice.label, "data": database.data,
        "goal": goal,
    }  # fmt: skip


def ending(wish: RestoreWish) -> str:
    """Where recovery ends, in words."""
    if wish.choice.at is not None:
        return wish.choice.at.isoformat()
    base = wish.choice.base.id
    return {"name": f"point {base}", "immediate": f"the end of the backup of {base}"}.get(
        wish.choice.target.kind, "the end of the log"
    )
