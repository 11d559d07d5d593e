"""What stands against a restore before anything is done: all of it is told at once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, InvalidInput, NothingChanged, UsageError
from clmdeploy.planners.point_refusals import refuse_unready
from clmdeploy.planners.readiness import silence
from clmdeploy.planners.restore_dump import dump_faults, is_dump
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish

SLACK = 256 * 1024**2  # bytes beside the database's own: log that recovery reads, and what it writes


def refuse_unfit(wish: RestoreWish) -> None:
    """Raises HostUnreachable naming silent hosts; UsageError, InvalidInput or NothingChanged naming the rest."""
    _refuse_nothing(wish)
    if wish.scope.directory:
        return
    silent = [facts for facts in wish.fleet.hosts if not facts.reachable]
    if silent:
        mend = Bilingual("bring them back: all of them must stop", "верните их в строй: остановиться должны все")
        raise HostUnreachable(lines(silence(facts) for facts in silent), mend)
    _refuse_lesser(wish)
    _refuse_without_safety(wish)
    if wish.makes_safety_point:
        refuse_unready(wish.point.layout, wish.point.facts)
    faults = list(_faults(wish))
    if faults:
        mend = Bilingual("mend this, then run the same command again", "исправьте это и повторите ту же команду")
        raise NothingChanged(lines(faults), mend)


def _refuse_nothing(wish: RestoreWish) -> None:
    scope = wish.scope
    if scope.files and not scope.database and not list(wish.trees()):
        held = ", ".join(sorted({f"{part.host}:{part.path}" for part in wish.choice.files.files})) or "-"
        what, point = scope.path or "files", wish.choice.files.id
        raise InvalidInput(
            Bilingual(f"{point} holds no {what}", f"в {point} нет {what}"),
            Bilingual(f"it holds {held}", f"в ней есть {held}"),
        )
    if scope.tables and wish.choice.base.database.wal is None:
        point = wish.choice.base.id
        raise InvalidInput(
            Bilingual(
                f"{point} is a dump: single tables come out of pgBackRest's backups",
                f"{point} — дамп: отдельные таблицы берутся из копий pgBackRest",
            ),
            Bilingual("restore all of its database", "восстановите базу целиком"),
        )
    if scope.directory and scope.database and not scope.tables:
        raise UsageError(
            Bilingual("--to-directory takes a path or tables", "--to-directory: нужен путь или таблицы"),
            "--only PATH / --table SCHEMA.TABLE",
        )


def _refuse_lesser(wish: RestoreWish) -> None:
    """Who takes the place of another restore brings back all that it has begun to replace."""
    left = wish.left
    if left is None:
        return
    trees = {(tree.part.host, tree.path) for tree in wish.trees()} if wish.scope.files else set()
    lacking = [f"{host}:{path}" for host, path in left.trees if not _is_in(host, path, trees)]
    if left.primary and not wish.scope.database:
        lacking.append("db")
    if left.release and not wish.scope.whole:
        lacking.append("release")
    if lacking:
        names = ", ".join(lacking)
        raise NothingChanged(
            Bilingual(
                f"{left.change} has half replaced what this would leave as it is: {names}",
                f"{left.change} наполовину заменило то, что осталось бы как есть: {names}",
            ),
            Bilingual("restore all of a point: without --only", "восстановите точку целиком: без --only"),
        )


def _is_in(host: str, path: str, trees: Collection[tuple[str, str]]) -> bool:
    return any(host == one and (path == tree or path.startswith(tree.rstrip("/") + "/")) for one, tree in trees)


def _refuse_without_safety(wish: RestoreWish) -> None:
    """What can't be read can't be stored; whoever goes on without says why."""
    if not wish.makes_safety_point or wish.primary.readable:
        return
    host, fault = wish.primary.host.name, wish.primary.fault or "-"
    raise NothingChanged(
        Bilingual(
            f"no safety point can be made: the database on {host} can't be read: {fault}",
            f"страховочную точку создать нельзя: база на {host} не читается: {fault}",
        ),
        Bilingual(
            'to go on without one: --no-safety-point "REASON"', 'продолжить без неё: --no-safety-point "ПРИЧИНА"'
        ),
    )


def _faults(wish: RestoreWish) -> Iterator[str]:
    database = wish.choice.base.database
    if wish.scope.database:
        yield from dump_faults(wish)
    for one in wish.clusters if wish.scope.database else ():
        needed, there, host = database.size + SLACK, _room(wish, one), one.host.name
        if there and there < needed:
            free, need = there // 1024**2, needed // 1024**2 + 1
            yield Bilingual(
                f"{host}: the database needs {need} MiB, {free} MiB are there",
                f"{host}: базе нужно {need} МиБ, есть {free} МиБ",
            )
    held = [one for one in wish.fleet.servers if one.state not in ("ready", "drain", "maint")]
    for server in held:
        name = server.name
        yield Bilingual(f"{name} is in a state that is not known", f"{name} в неизвестном состоянии")


def _room(wish: RestoreWish, cluster: ClusterFacts) -> int:
    """Bytes: what stands now is overwritten, but beside a dump, until all of that is there."""
    return cluster.free if is_dump(wish) else cluster.free + cluster.used
