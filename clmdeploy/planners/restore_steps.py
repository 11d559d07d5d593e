"""The steps of a restore, stage by stage. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from clmdeploy.backups.pgbackrest_recovery import Target as Recovery
from clmdeploy.backups.restore_works import Goal
from clmdeploy.changes.plan import Action, EngineCall, Step, Target, TaskCall, Undo
from clmdeploy.model.facts import HostFacts, ServerFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.balancing import fence_steps
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish
from clmdeploy.planners.rollout import Batch, stage_steps, switch_step

DAY = 86400  # seconds: what lays a database or a tree down may take
SERVICE = 3600  # a server that stops writes all it has in memory
CHECK = "compare"  # the step in which rows and files are compared
Arguments = dict[str, JsonValue]


def preflight_steps(wish: RestoreWish) -> Iterator[Step]:
    """All that is needed is there, before anything is touched: backup, log, and the release on its hosts."""
    wal = wish.choice.base.database.wal
    if wish.scope.database and wal is not None:
        arguments = {
            "stanza": wish.backup.database.stanza, "label": wish.choice.label, "start": wal.start,
            "until": wish.until, "segment_size": wal.segment_size, "history": [list(one) for one in wish.history],
        }  # fmt: skip
        yield _step(
            "preflight", "restorable", f"Make sure that {wish.choice.label} and its log are there",
            EngineCall(act="pgbackrest-restorable", arguments=arguments), [_target(wish.backup_host)], "nothing", 900,
        )  # fmt: skip
    if wish.rollout is not None and wish.scope.whole:
        yield from stage_steps(wish.rollout, switching(wish))


def stop_steps(wish: RestoreWish) -> Iterator[Step]:
    """Nobody serves, nobody writes, nobody can connect."""
    if wish.rollout is not None:
        for step in fence_steps(wish.rollout, "stop", _serving(wish), "maint"):
            # Between the safety point and the stop the lease stays ours: whoever took it would keep all this waiting.
            yield step.model_copy(update={"data": True})
    if wish.members():
        yield _components(wish, "stop", "stop-components", "Stop the application", "all", "stopped")
    if wish.scope.database:
        yield from _stop_database(wish)


def _stop_database(wish: RestoreWish) -> Iterator[Step]:
    primary = wish.primary
    if primary.readable:
        yield _database_step(wish, "stop", "close", "Let nobody connect to the database", "door",
                             {"state": "closed"}, [primary], {"state": "open"})  # fmt: skip
    if wish.standbys:
        yield _database_step(wish, "stop", "stop-standbys", "Stop the standbys", "standby",
                             {"state": "stopped"}, wish.standbys, {})  # fmt: skip
    # What the archive does not have yet would be removed with the rest; without a server nothing can be archived.
    archived = primary.readable and "no_safety_point" not in wish.reasons
    yield _database_step(wish, "stop", "stop-database", "Stop the database", "cluster",
                         {"state": "stopped", "archived": archived}, [primary], {})  # fmt: skip


def database_steps(wish: RestoreWish) -> Iterator[Step]:
    """The backup's files, the log up to the target, and an ordinary server again."""
    point, primary = wish.choice.base, wish.primary
    yield _step(
        "database", "database", f"Restore the database from {wish.choice.label} to {_ending(wish)}",
        EngineCall(act="pgbackrest-restore", arguments=_restore(wish, wish.choice.target)),
        [_target(primary.host)], "irreversible", DAY,
    )  # fmt: skip
    named = point.database.wal.named.lsn if point.database.wal and wish.choice.target.kind == "name" else ""
    slots = list(primary.slots)
    yield _database_step(wish, "database", "recover", "Replay the log, begin a new timeline, archive it", "recovery",
                         {"lsn": named, "slots": slots}, [primary], {}, "keep", DAY)  # fmt: skip


def standby_steps(wish: RestoreWish) -> Iterator[Step]:
    """Each standby anew from the same backup, then along the new timeline. Without them the service still runs."""
    if not wish.standbys:
        return
    targets = [_target(one.host) for one in wish.standbys]
    yield _step(
        "standbys", "standbys", "Restore the standbys",
        EngineCall(act="pgbackrest-restore", arguments=_restore(wish, Recovery("standby"))), targets, "keep", DAY,
        essential=False,
    )  # fmt: skip
    yield _database_step(wish, "standbys", "follow", "Let the standbys follow the primary", "standby",
                         {"state": "following"}, wish.standbys, {}, "keep", SERVICE, essential=False)  # fmt: skip


def files_steps(wish: RestoreWish, stage: str = "files", beside: str = "") -> Iterator[Step]:
    """Trees of files on their hosts, exactly as they were."""
    trees = sorted(wish.trees(), key=lambda tree: (tree.part.host, tree.path))
    targets = []
    for name, some in groupby(trees, key=lambda tree: tree.part.host):
        chosen = [{"path": tree.path, "snapshot": tree.part.snapshot} for tree in some]
        arguments: Arguments = {
            "host": name, "repository": wish.repositories[name], "trees": chosen, "side": beside,
        }  # fmt: skip
        targets.append(_target(wish.host(name), arguments))
    if targets:
        paths = ", ".join(dict.fromkeys(tree.path for tree in trees))
        where = f" below {beside}" if beside else ""
        yield _step(
            stage, "files", f"Restore {paths}{where}", EngineCall(act="restic-restore"), targets,
            "keep" if beside else "irreversible", DAY,
        )  # fmt: skip


def release_steps(wish: RestoreWish) -> Iterator[Step]:
    """The release that ran when the point was made, where another one runs; what it starts with is kept stopped."""
    due = switching(wish)
    if wish.rollout is None or not wish.scope.whole or not due:
        return
    ledgers = {facts.host.name: _ledger_after(facts, wish.rollout.release.directory) for facts in due}
    title = f"Switch {', '.join(facts.host.name for facts in due)} to {wish.rollout.release.version}, still stopped"
    step = switch_step(wish.rollout, Batch(name="release", hosts=tuple(due)), ledgers)
    yield step.model_copy(update={"title": title, "undo": "keep", "data": True})


def check_steps(wish: RestoreWish) -> Iterator[Step]:
    """The database lets everybody in again; rows and files are compared where the release knows how."""
    if wish.scope.database:
        yield _database_step(wish, "check", "open", "Let everybody connect to the database", "door",
                             {"state": "open"}, [wish.primary], {}, "keep")  # fmt: skip
    hook = wish.rollout.release.manifest.consistency if wish.rollout else None
    hosts = [facts for facts in wish.members() if hook is not None and hook.group in facts.host.groups][:1]
    if hook is not None and hosts:
        yield _step(
            "check", CHECK, "Compare rows with files", TaskCall(act="consistency", arguments=_install(wish)),
            [_member(facts) for facts in hosts], "nothing", hook.timeout + 60, essential=False,
        )  # fmt: skip


def start_steps(wish: RestoreWish) -> Iterator[Step]:
    """The application serves again; who sends messages only when that was asked for, and rows and files agree."""
    if wish.members():
        yield _components(wish, "start", "start-components", "Start the application, all but who sends", "others",
                          "running")  # fmt: skip
    if wish.rollout is not None:
        for step in fence_steps(wish.rollout, "start", _serving(wish), "ready"):
            yield step.model_copy(update={"undo": "keep"})
    if wish.start_senders and wish.members():
        checked = any(step.id == CHECK for step in check_steps(wish))
        yield _components(wish, "start", "start-workers", "Start who sends", "senders", "running",
                          check=CHECK if checked else "", essential=False)  # fmt: skip


def switching(wish: RestoreWish) -> list[HostFacts]:
    """Hosts that run another release than the point's."""
    if wish.rollout is None:
        return []
    return [facts for facts in wish.members() if facts.current != wish.rollout.release.directory]


def senders_steps(install: Arguments, members: Sequence[HostFacts]) -> Iterator[Step]:
    """Who was left stopped, started: a change of its own."""
    arguments = install | {"which": "senders", "state": "running", "patience": None}
    yield _step(
        "start", "start-workers", "Start who sends",
        TaskCall(act="components", arguments=arguments),
        [_member(facts, _standing(facts)) for facts in members], "restore", SERVICE, data=False,
    )  # fmt: skip


def _components(
    wish: RestoreWish, stage: str, name: str, title: str, which: str, state: str, check: str = "",
    essential: bool = True,
) -> Step:  # fmt: skip
    arguments = (
        _install(wish) | {"which": which, "state": state, "patience": None} | ({"check": check} if check else {})
    )
    action = TaskCall(act="components", arguments=arguments, uses=(check,) if check else ())
    targets = [_member(facts, _standing(facts)) for facts in wish.members()]
    undo: Undo = "restore" if state == "stopped" else "keep"
    return _step(stage, name, title, action, targets, undo, SERVICE, essential=essential)


def _serving(wish: RestoreWish) -> list[ServerFacts]:
    """Servers that get requests; whoever was drained before stays drained."""
    return [one for one in wish.fleet.servers if one.state == "ready"]


def _standing(facts: HostFacts) -> Arguments:
    """Which components run here now, and which are kept stopped by an earlier restore."""
    running = [
        str(service["component"]) for service in facts.services
        if service["units"] and all(state == "active" for state in service["units"].values())
    ]  # fmt: skip
    return {"running": running, "kept": sorted(facts.stopped)}


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
        _target(one.host, before=before or {"state": "running" if one.running else "stopped"}) for one in clusters
    ]
    return _step(
        stage, name, title, TaskCall(act=act, arguments=arguments), targets, undo, timeout, essential=essential
    )


def _restore(wish: RestoreWish, target: Recovery) -> Arguments:
    database = wish.backup.database
    goal = Goal.of(target).model_dump(mode="json", exclude_none=True)
    return {
        "stanza": database.stanza, "processes": database.processes, "label": wish.choice.label, "data": database.data,
        "goal": goal,
    }  # fmt: skip


def _ending(wish: RestoreWish) -> str:
    if wish.choice.at is not None:
        return wish.choice.at.isoformat()
    return f"point {wish.choice.base.id}" if wish.choice.target.kind == "name" else "the end of the log"


def _install(wish: RestoreWish) -> Arguments:
    return {"root": wish.settings.install.root, "user": wish.settings.install.user}


def _member(facts: HostFacts, before: Arguments | None = None) -> Target:
    return _target(facts.host, {"groups": list(facts.host.groups)}, before)


def _target(host: Host, arguments: Arguments | None = None, before: Mapping[str, JsonValue] | None = None) -> Target:
    return Target(host=host.name, subject=host.name, arguments=arguments or {}, before=dict(before or {}))


def _ledger_after(facts: HostFacts, wanted: str) -> list[str]:
    """Back along the ledger where it knows the release; else what runs now becomes the newest way back."""
    ledger = list(facts.ledger)
    if wanted in ledger:
        return ledger[: ledger.index(wanted)]
    return [*ledger, facts.current] if facts.current else ledger


def _step(
    stage: str, name: str, title: str, action: Action, targets: Sequence[Target], undo: Undo, timeout: int,
    *, essential: bool = True, data: bool = True,
) -> Step:  # fmt: skip
    return Step(
        id=name, stage=stage, title=title, action=action, targets=tuple(targets), undo=undo, timeout=timeout,
        data=data, essential=essential, whole_fleet=undo == "irreversible",
    )  # fmt: skip
