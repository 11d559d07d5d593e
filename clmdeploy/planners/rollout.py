"""The steps of a rollout, forwards or back: stage, migrate, switch batch by batch, finalise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clmdeploy.changes.plan import GateCall, PlaybookCall, Step, Target, TaskCall, Undo
from clmdeploy.config.settings import Rollout
from clmdeploy.model.facts import HostFacts, ServerFacts
from clmdeploy.model.value import JsonValue, Value
from clmdeploy.planners.balancing import balance_steps, drainable, in_rotation
from clmdeploy.planners.wish import Wish
from clmdeploy.releases.manifest import Migration

STAGE_TIMEOUT = 1800
SWITCH_TIMEOUT = 900  # seconds beside the health checks' own: hooks, and units that stop and start
MIGRATION_TIMEOUT = 14400
MOST_TIMEOUT = 86400  # what a step may have


class Batch(Value):
    """Hosts that are switched together."""

    name: str
    hosts: tuple[HostFacts, ...]


def stage_steps(wish: Wish, members: Sequence[HostFacts]) -> Iterator[Step]:
    """Put the release onto every host that lacks it, in parallel. Nothing that runs is touched."""
    lacking = [facts for facts in members if wish.release.directory not in facts.staged]
    if not lacking:
        return
    target = wish.target
    arguments = _common(wish) | {
        "release": {
            "size": target.release_size,
            "sha256": target.release_sha256,
            "signature": target.release_signature,
        },
        "bundle": wish.release.bundle.model_dump() | {"files": len(wish.release.files)},
        "requires": {
            "disk": wish.release.manifest.requires.disk,
            "commands": list(wish.release.manifest.requires.commands),
        },
        "authority": wish.authority,
    }
    fetch = {"bundle_url": target.bundle_key, "release_url": target.release_key}
    yield Step(
        id="stage", stage="stage", title=f"Stage {wish.release.version} beside what runs",
        action=PlaybookCall(playbook="stage", act="stage", arguments=arguments, fetch=fetch),
        targets=tuple(_target(facts, before={"present": False}) for facts in lacking),
        undo="tidy", timeout=STAGE_TIMEOUT,
    )  # fmt: skip


def migration_steps(
    wish: Wish, stage: str, migrations: Sequence[Migration], host: HostFacts, standing: int | None
) -> Iterator[Step]:
    """One step a migration, so that each is journalled and can be undone alone."""
    version = standing
    for migration in migrations:
        arguments = _common(wish) | {
            "versions": [migration.version], "direction": "apply", "expect": version, "timeout": MIGRATION_TIMEOUT - 60,
        }  # fmt: skip
        yield Step(
            id=f"{stage}-{migration.version}", stage=stage,
            title=f"Migrate the schema to {migration.version} ({migration.kind})",
            action=TaskCall(act="migrate", arguments=arguments), targets=(_target(host, before={"version": version}),),
            undo=_migration_undo(migration), whole_fleet=True, data=True, timeout=MIGRATION_TIMEOUT,
        )  # fmt: skip
        version = migration.version


def revert_steps(
    wish: Wish, migrations: Sequence[Migration], host: HostFacts, standing: int, directory: str
) -> Iterator[Step]:
    """Revert, newest first, by the hooks of the release that brought them."""
    for migration in reversed(migrations):
        arguments = _common(wish) | {
            "versions": [migration.version], "direction": "revert", "expect": standing, "directory": directory,
            "timeout": MIGRATION_TIMEOUT - 60,
        }  # fmt: skip
        yield Step(
            id=f"revert-{migration.version}", stage="revert", title=f"Revert migration {migration.version}",
            action=TaskCall(act="migrate", arguments=arguments), targets=(_target(host, before={"version": standing}),),
            undo="restore", whole_fleet=True, data=True, timeout=MIGRATION_TIMEOUT,
        )  # fmt: skip


def batches(wish: Wish, members: Sequence[HostFacts]) -> Iterator[Batch]:
    """Canary first, then batches; each group by itself, in the order of the release's components."""
    rollout, number = wish.settings.rollout, 0
    for index, group in enumerate(dict.fromkeys(wish.first_group(facts) for facts in members)):
        waiting = [facts for facts in members if wish.first_group(facts) == group]
        canaries = _canaries(wish, len(waiting)) if index == 0 else 0
        if canaries:
            yield Batch(name="canary", hosts=tuple(waiting[:canaries]))
            waiting = waiting[canaries:]
        size = _at_once(wish, rollout, len(waiting))
        for start in range(0, len(waiting), max(1, size)):
            number += 1
            yield Batch(name=f"batch-{number}", hosts=tuple(waiting[start : start + size]))


def batch_steps(
    wish: Wish, batch: Batch, ledgers: dict[str, list[str]], drained: Sequence[ServerFacts] = ()
) -> Iterator[Step]:
    """Drain, switch with its health gate, undrain; a canary is then watched for the soak time.

    `drained`: servers that stand drained already, and go into rotation with their batch.
    """
    hosts = [facts.host.name for facts in batch.hosts]
    standing = [one for one in drained if one.server in hosts]
    ready = drainable(in_rotation(wish.fleet, drained), hosts)
    names, servers = ", ".join(hosts), [one for one in ready if one.name not in {other.name for other in standing}]
    yield from balance_steps(wish, batch.name, servers, "drain")
    yield switch_step(wish, batch, ledgers)
    yield from balance_steps(wish, batch.name, [*servers, *standing], "ready")
    soak = wish.settings.rollout.hotfix_soak if wish.hotfix else wish.settings.rollout.soak
    if batch.name == "canary" and soak:
        yield Step(
            id="canary-soak", stage=batch.name, batch=batch.name, undo="nothing", timeout=60,
            title=f"Watch {names} for {soak} s", targets=tuple(_target(facts) for facts in batch.hosts),
            action=GateCall(act="health", arguments=_common(wish) | {"patience": 5}, seconds=soak),
        )  # fmt: skip


def switch_step(wish: Wish, batch: Batch, ledgers: dict[str, list[str]]) -> Step:
    """Let the hosts of a batch run the release, and wait until they are healthy."""
    names = ", ".join(facts.host.name for facts in batch.hosts)
    return Step(
        id=f"{batch.name}-switch", stage=batch.name, batch=batch.name, undo="restore", timeout=_switch_timeout(wish),
        title=f"Switch {names} to {wish.release.version} and wait for health",
        action=PlaybookCall(playbook="switch", act="switch", arguments=_common(wish) | {"patience": None}),
        targets=tuple(_switch_target(facts, ledgers[facts.host.name]) for facts in batch.hosts),
    )  # fmt: skip


def finalise_steps(wish: Wish, members: Sequence[HostFacts], ledgers: dict[str, list[str]]) -> Iterator[Step]:
    """Prune what is too old, only after success."""
    keep = wish.settings.install.keep_releases - 1
    crowded = [facts for facts in members if _prunable(wish, facts, ledgers[facts.host.name][-keep:])]
    if crowded:
        yield Step(
            id="prune", stage="finalise", undo="nothing", essential=False,
            title="Remove releases that nobody would roll back to",
            action=TaskCall(act="prune", arguments=_common(wish) | {"keep": keep, "pinned": []}),
            targets=tuple(_target(facts) for facts in crowded),
        )  # fmt: skip


def _common(wish: Wish) -> dict[str, JsonValue]:
    install = wish.settings.install
    return {"root": install.root, "user": install.user, "directory": wish.release.directory}


def _target(facts: HostFacts, before: dict[str, JsonValue] | None = None) -> Target:
    name = facts.host.name
    return Target(host=name, subject=name, arguments={"groups": list(facts.host.groups)}, before=before or {})


def _switch_target(facts: HostFacts, ledger: list[str]) -> Target:
    arguments = {"groups": list(facts.host.groups), "expect": facts.current, "ledger": ledger}
    before = {"current": facts.current, "ledger": list(facts.ledger)}
    return Target(host=facts.host.name, subject=facts.host.name, arguments=arguments, before=before)


def _switch_timeout(wish: Wish) -> int:
    """Long enough for the patience that the release asks for: the guard ends the act after it."""
    checks = [check.timeout for component in wish.release.manifest.components for check in component.health]
    return min(SWITCH_TIMEOUT + sum(checks), MOST_TIMEOUT)


def _canaries(wish: Wish, total: int) -> int:
    """One host at least is none: what all hosts get at once tries nothing out, and leaves nobody in rotation."""
    wanted = wish.settings.rollout.canary if wish.canary is None else wish.canary
    return min(wanted, total - 1)


def _at_once(wish: Wish, rollout: Rollout, total: int) -> int:
    if wish.at_once is None:
        return rollout.hosts_at_once(total)
    return rollout.model_copy(update={"batch": wish.at_once}).hosts_at_once(total)


def _prunable(wish: Wish, facts: HostFacts, ledger: list[str]) -> bool:
    return bool(set(facts.staged) - {wish.release.directory, *ledger})


def _migration_undo(migration: Migration) -> Undo:
    """A contraction without a revert is a point of no return; an expansion may stay: the release before runs on it."""
    if migration.revert != "irreversible":
        return "restore"
    return "irreversible" if migration.kind == "contract" else "keep"
