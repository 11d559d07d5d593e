"""The steps of a restore, stage by stage. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from clmdeploy.changes.plan import EngineCall, Step, Target, TaskCall, Undo
from clmdeploy.model.facts import HostFacts, ServerFacts
from clmdeploy.planners.balancing import fence_steps
from clmdeploy.planners.restore_database import open_steps, stop_database_steps
from clmdeploy.planners.restore_dump import dump_preflight_steps, is_dump
from clmdeploy.planners.restore_step import DAY, SERVICE, Arguments, member, step, target
from clmdeploy.planners.restore_wish import RestoreWish, Tree
from clmdeploy.planners.rollback import newest_schema
from clmdeploy.planners.rollout import Batch, stage_steps, switch_step
from clmdeploy.planners.schema import incompatible

CHECK = "compare"  # the step in which rows and files are compared
SCHEMA = "schema"  # the step in which the release is asked whether it can run


def preflight_steps(wish: RestoreWish) -> Iterator[Step]:
    """All that is needed is there, before anything is touched: backup, log, and the release on its hosts."""
    if wish.scope.database and is_dump(wish):
        yield from dump_preflight_steps(wish)
    wal = wish.choice.base.database.wal
    if wish.scope.database and wal is not None:
        arguments = {
            "stanza": wish.backup.database.stanza, "label": wish.choice.label, "start": wal.start,
            "until": wish.until, "segment_size": wal.segment_size, "history": [list(one) for one in wish.history],
        }  # fmt: skip
        yield step(
            "preflight", "restorable", f"Make sure that {wish.choice.label} and its log are there",
            EngineCall(act="pgbackrest-restorable", arguments=arguments), [target(wish.backup_host)], "nothing", 900,
        )  # fmt: skip
    if wish.scope.files and (targets := _file_targets(wish)):
        yield step(
            "preflight", "files-restorable", "Make sure that the snapshots of files are there",
            EngineCall(act="restic-restorable"), targets, "nothing", 900,
        )  # fmt: skip
    if wish.rollout is not None and wish.scope.whole:
        yield from stage_steps(wish.rollout, switching(wish))


def stop_steps(wish: RestoreWish) -> Iterator[Step]:
    """Nobody serves, nobody writes, nobody can connect."""
    if wish.rollout is not None:
        for fence in fence_steps(wish.rollout, "stop", _serving(wish), "maint"):
            # Between the safety point and the stop the lease stays ours: whoever took it would keep all this waiting.
            yield fence.model_copy(update={"data": True})
    if wish.members():
        yield _components(wish, "stop", "stop-components", "Stop the application", "all", "stopped")
    if wish.scope.database:
        yield from stop_database_steps(wish)


def files_steps(wish: RestoreWish, stage: str = "files", beside: str = "") -> Iterator[Step]:
    """Trees of files on their hosts, exactly as they were."""
    targets = _file_targets(wish, beside)
    if targets:
        paths = ", ".join(dict.fromkeys(tree.path for tree in _trees(wish)))
        where = f" below {beside}" if beside else ""
        yield step(
            stage, "files", f"Restore {paths}{where}", EngineCall(act="restic-restore"), targets,
            "keep" if beside else "irreversible", DAY,
        )  # fmt: skip


def _trees(wish: RestoreWish) -> list[Tree]:
    return sorted(wish.trees(), key=lambda tree: (tree.part.host, tree.path))


def _file_targets(wish: RestoreWish, beside: str = "") -> list[Target]:
    targets = []
    for name, some in groupby(_trees(wish), key=lambda tree: tree.part.host):
        chosen = [{"path": tree.path, "snapshot": tree.part.snapshot} for tree in some]
        arguments: Arguments = {
            "host": name, "repository": wish.repositories[name], "trees": chosen, "side": beside,
        }  # fmt: skip
        targets.append(target(wish.host(name), arguments))
    return targets


def release_steps(wish: RestoreWish) -> Iterator[Step]:
    """The release that ran when the point was made, where another one runs; what it starts with is kept stopped."""
    due = switching(wish)
    if wish.rollout is None or not wish.scope.whole or not due:
        return
    ledgers = {facts.host.name: _ledger_after(facts, wish.rollout.release.directory) for facts in due}
    title = f"Switch {', '.join(facts.host.name for facts in due)} to {wish.rollout.release.version}, still stopped"
    switch = switch_step(wish.rollout, Batch(name="release", hosts=tuple(due)), ledgers)
    yield switch.model_copy(update={"title": title, "undo": "keep", "data": True})


def check_steps(wish: RestoreWish) -> Iterator[Step]:
    """The database lets everybody in again; rows and files are compared where the release knows how."""
    if wish.scope.database:
        yield from open_steps(wish)
        yield from _schema_step(wish)
    hook = wish.rollout.release.manifest.consistency if wish.rollout else None
    hosts = [facts for facts in wish.members() if hook is not None and hook.group in facts.host.groups][:1]
    if hook is not None and hosts:
        yield step(
            "check", CHECK, "Compare rows with files", TaskCall(act="consistency", arguments=_install(wish)),
            [member(facts) for facts in hosts], "nothing", hook.timeout + 60, essential=False,
        )  # fmt: skip


def _schema_step(wish: RestoreWish) -> Iterator[Step]:
    """Nothing is started that can't run on the schema which the database now has."""
    schema = wish.rollout.release.manifest.data_schema if wish.rollout else None
    hosts = [facts for facts in wish.members() if schema is not None and schema.group in facts.host.groups][:1]
    if wish.rollout is None or schema is None or not hosts:
        return
    manifest = wish.rollout.release.manifest
    broken: set[int] = set()
    for known in (newest_schema(wish.fleet.hosts), schema):
        newest = max((one.version for one in known.migrations), default=0) if known else 0
        broken |= {one.version for one in incompatible(known, newest, manifest)}
    arguments = _install(wish) | {"needs": schema.needs, "broken": [*sorted(broken)]}
    yield step(
        "check", SCHEMA, "Ask the release whether it can run on the schema",
        TaskCall(act="schema", arguments=arguments), [member(facts) for facts in hosts], "nothing", 300,
    )  # fmt: skip


def start_steps(wish: RestoreWish) -> Iterator[Step]:
    """The application serves again; who sends messages only when that was asked for, and rows and files agree."""
    if wish.members():
        yield _components(wish, "start", "start-components", "Start the application, all but who sends", "others",
                          "running")  # fmt: skip
    if wish.rollout is not None:
        for fence in fence_steps(wish.rollout, "start", [*_serving(wish), *_held(wish)], "ready"):
            yield fence.model_copy(update={"undo": "keep"})
    if wish.start_senders and wish.members():
        checked = any(one.id == CHECK for one in check_steps(wish))
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
    yield step(
        "start", "start-workers", "Start who sends",
        TaskCall(act="components", arguments=arguments),
        [member(facts, _standing(facts)) for facts in members], "restore", SERVICE, data=False,
    )  # fmt: skip


def _components(
    wish: RestoreWish, stage: str, name: str, title: str, which: str, state: str, check: str = "",
    essential: bool = True,
) -> Step:  # fmt: skip
    arguments = (
        _install(wish) | {"which": which, "state": state, "patience": None} | ({"check": check} if check else {})
    )
    action = TaskCall(act="components", arguments=arguments, uses=(check,) if check else ())
    targets = [member(facts, _standing(facts)) for facts in wish.members()]
    undo: Undo = "restore" if state == "stopped" else "keep"
    return step(stage, name, title, action, targets, undo, SERVICE, essential=essential)


def _serving(wish: RestoreWish) -> list[ServerFacts]:
    """Servers that get requests; whoever was drained before stays drained."""
    return [one for one in wish.fleet.servers if one.state == "ready"]


def _held(wish: RestoreWish) -> list[ServerFacts]:
    """Servers that a restore, or what this one takes the place of, has taken out: they serve again with this one."""
    by = ("-restore-",) if wish.left is None else ("-restore-", "-deploy-", "-rollback-")
    return [one for one in wish.fleet.servers if one.state == "maint" and any(kind in one.holder for kind in by)]


def _standing(facts: HostFacts) -> Arguments:
    """Which components run here now, and which are kept stopped by an earlier restore."""
    running = [
        str(service["component"]) for service in facts.services
        if service["units"] and all(state == "active" for state in service["units"].values())
    ]  # fmt: skip
    return {"running": running, "kept": sorted(facts.stopped)}


def _install(wish: RestoreWish) -> Arguments:
    return {"root": wish.settings.install.root, "user": wish.settings.install.user}


def _ledger_after(facts: HostFacts, wanted: str) -> list[str]:
    """Back along the ledger where it knows the release; else what runs now becomes the newest way back."""
    ledger = list(facts.ledger)
    if wanted in ledger:
        return ledger[: ledger.index(wanted)]
    return [*ledger, facts.current] if facts.current else ledger
