"""The steps of a restore whose database is a dump: the server goes on running, one database in it is replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.changes.plan import EngineCall, Step, TaskCall
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.planners.restore_step import DAY, Arguments, step, target
from clmdeploy.planners.restore_wish import RestoreWish


def is_dump(wish: RestoreWish) -> bool:
    """Whether the point's database is a dump."""
    return wish.choice.base.database.engine == "pgdump"


def dump_preflight_steps(wish: RestoreWish) -> Iterator[Step]:
    """All of the dump is where the primary reaches it, before anything is touched."""
    made_on, primary = wish.choice.base.database.repository, wish.primary.host
    if made_on != primary.name:
        yield step(
            "preflight", "carry", f"Let {primary.name} read the dump that {made_on} has made",
            EngineCall(act="pgdump-carry", arguments=_stored(wish)), [target(wish.backup_host)], "nothing", DAY,
        )  # fmt: skip
    yield step(
        "preflight", "restorable", f"Make sure that all of the dump {wish.choice.label} is there",
        TaskCall(act="dumped", arguments=_arguments(wish)), [target(primary)], "nothing", 900,
    )  # fmt: skip


def dump_steps(wish: RestoreWish) -> Iterator[Step]:
    """What stood before is kept under another name until all of it is back. Standbys follow by themselves."""
    yield step(
        "database", "database", f"Restore the database {wish.backup.database.name} from the dump {wish.choice.label}",
        TaskCall(act="undump", arguments=_arguments(wish)), [target(wish.primary.host)], "irreversible", DAY,
    )  # fmt: skip


def dump_faults(wish: RestoreWish) -> Iterator[Bilingual]:
    """What stands against it, beside what stands against any restore."""
    made, configured = wish.choice.base.database.engine, wish.backup.database.engine
    if made != configured:
        yield Bilingual(
            f"{wish.choice.base.id} was made by {made}, and hosts are set up for {configured}: set "
            f"backup.database.engine to {made}, run clmdeploy backup setup, and restore then",
            f"{wish.choice.base.id} создана средством {made}, а узлы настроены для {configured}: укажите "
            f"backup.database.engine: {made}, выполните clmdeploy backup setup, затем восстанавливайте",
        )
    if made == "pgdump" and (not wish.primary.readable or wish.primary.recovery):
        name = wish.primary.host.name
        yield Bilingual(
            f"{name}: a dump is restored into a server that runs and takes writes: start it",
            f"{name}: дамп восстанавливается в работающий сервер, принимающий запись: запустите его",
        )


def _stored(wish: RestoreWish) -> Arguments:
    database = wish.choice.base.database
    return {
        "store": wish.point.layout.dump_store, "repository": database.repository, "label": database.label,
        "to": wish.primary.host.name,
    }  # fmt: skip


def _arguments(wish: RestoreWish) -> Arguments:
    database, part = wish.backup.database, wish.choice.base.database
    return {
        "data": database.data, "port": database.port, "database": database.name, "processes": database.processes,
        "gateway": wish.point.layout.repository_of(wish.primary.host.name), "folder": f"pgdump/{part.label}",
        "digest": part.digest,
    }  # fmt: skip
