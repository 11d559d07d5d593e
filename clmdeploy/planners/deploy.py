"""Deploy: from what runs to the wanted release. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from clmdeploy.changes.plan import Plan, Policy, Verdict
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import NothingChanged, UsageError
from clmdeploy.model.facts import HostFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.model.version import Version
from clmdeploy.planners.before_migration import guarded, refuse_pointless, with_point_hosts
from clmdeploy.planners.readiness import refuse_unready
from clmdeploy.planners.rollout import batch_steps, batches, finalise_steps, migration_steps, stage_steps
from clmdeploy.planners.schema import ALL_OR_NONE, MEND_MIGRATION, Movement, due_migrations, must_revert
from clmdeploy.planners.wish import Wish


def plan_deploy(wish: Wish, now: float) -> Plan:
    """The plan that brings `wish.target` onto its hosts; a plan without steps when it runs there already.

    `now`: the control node's clock, seconds since 1970, compared with the hosts' clocks only.
    Raises UsageError, HostUnreachable or NothingChanged with everything that stands against it.
    """
    members = wish.members()
    refuse_unready(wish, members, now)
    _refuse_downgrade(wish, members)
    due = [facts for facts in members if facts.current != wish.release.directory]
    movement = _movement(wish)
    refuse_pointless(wish, (*movement.before, *movement.after))
    _refuse_tolerant(wish, movement)
    ledgers = {facts.host.name: _ledger_after(facts, wish.release.directory) for facts in due}
    migrator = _migrator(wish, members, movement)
    standing = wish.fleet.schema_state.version if wish.fleet.schema_state else None
    steps = [
        *stage_steps(wish, due),
        *guarded(wish, migration_steps(wish, "expand", movement.before, migrator, standing) if migrator else (), 1),
        *(step for batch in batches(wish, due) for step in batch_steps(wish, batch, ledgers)),
        *guarded(
            wish, migration_steps(wish, "contract", movement.after, migrator, wish_needs(wish)) if migrator else (), 2
        ),
        *(finalise_steps(wish, due, ledgers) if due else ()),
    ]
    return Plan(
        kind="deploy", environment=wish.settings.name, environment_id=wish.settings.uuid,
        application=wish.settings.application,
        title=f"Deploy {wish.settings.application} {wish.release.version} to {wish.settings.name}",
        from_release=running_release(members), to_release=wish.release.directory,
        inputs=wish.inputs | {"release": wish.target.release_sha256}, limit=wish.limit,
        hosts=with_point_hosts(wish, plan_hosts(wish, members), steps),
        expected=expected_state(wish, members), steps=tuple(steps), policy=policy_of(wish),
        verdict=_verdict(members, movement), reasons=wish.reasons,
    )  # fmt: skip


def migrates(wish: Wish) -> bool:
    """Whether the release brings migrations that the database does not have yet."""
    schema, standing = wish.release.manifest.data_schema, wish.fleet.schema_state
    version = standing.version if standing else 0
    return schema is not None and any(one.version > version for one in schema.migrations)


def wish_needs(wish: Wish) -> int | None:
    """Schema version once all that comes before the switch is done."""
    schema = wish.release.manifest.data_schema
    return schema.needs if schema else None


def running_release(members: Sequence[HostFacts]) -> str | None:
    """What runs now, all of it when hosts differ; None before the first install."""
    names = sorted({facts.current for facts in members if facts.current})
    return ", ".join(names) or None


def plan_hosts(wish: Wish, members: Sequence[HostFacts]) -> tuple[Host, ...]:
    """Everybody whom the plan's steps name: the members and the balancers."""
    balancers = {server.balancer for server in wish.fleet.servers}
    return tuple(facts.host for facts in wish.fleet.hosts if facts in members or facts.host.name in balancers)


def policy_of(wish: Wish) -> Policy:
    rollout = wish.settings.rollout
    return Policy(on_failure=rollout.on_failure, tolerate=rollout.tolerate)


def expected_state(wish: Wish, members: Sequence[HostFacts]) -> dict[str, JsonValue]:
    """What each host runs, whether it is in rotation, where the schema stands: `change apply` refuses its drift."""
    hosts = {facts.host.name: facts.current for facts in members}
    servers = {one.name: one.state for one in wish.fleet.servers if one.server in hosts}
    schema = wish.fleet.schema_state
    return {"hosts": hosts, "servers": servers, "schema": schema.model_dump() if schema else None}


def _refuse_downgrade(wish: Wish, members: Sequence[HostFacts]) -> None:
    newer = sorted(
        {facts.version for facts in members if facts.version and Version(facts.version) > wish.release.version}
    )
    if newer:
        name, version, runs = wish.settings.name, wish.release.version, newer[-1]
        raise UsageError(
            Bilingual(
                f"{runs} runs in {name}: {version} would be a step back",
                f"в {name} работает {runs}: {version} был бы шагом назад",
            ),
            f"clmdeploy rollback -e {name} --to {version}",
        )


def _movement(wish: Wish) -> Movement:
    """Releases on hosts beyond --limit must work on the schema as well."""
    state = wish.fleet.schema_state
    if state is not None and state.dirty:
        raise NothingChanged(
            Bilingual(
                f"the schema is marked dirty at version {state.version}: an earlier migration ended half-way",
                f"схема помечена как dirty в версии {state.version}: прежняя миграция прервана на середине",
            ),
            MEND_MIGRATION,
        )
    running = {Version(facts.version) for facts in wish.fleet.hosts if facts.version}
    return due_migrations(wish.release.manifest, state.version if state else 0, running)


def _refuse_tolerant(wish: Wish, movement: Movement) -> None:
    """A host that is left out keeps the old release, and that can't run once the schema has been contracted."""
    if movement.after and wish.settings.rollout.on_failure == "tolerate":
        numbers = ", ".join(str(one.version) for one in movement.after)
        version = wish.release.version
        raise UsageError(
            Bilingual(
                f"no host can be left out of {version}: migration {numbers} contracts the schema at the end",
                f"исключать узлы из {version} нельзя: в конце миграция {numbers} сужает схему",
            ),
            Bilingual(
                "choose what a failure means here: --on-failure take-back-all",
                "выберите, что делать при сбое: --on-failure take-back-all",
            ),
        )


def _migrator(wish: Wish, members: Sequence[HostFacts], movement: Movement) -> HostFacts | None:
    """The host that runs the migrations: the first of the group that the manifest names."""
    schema = wish.release.manifest.data_schema
    if schema is None or not movement.any:
        return None
    inside = [facts for facts in members if schema.group in facts.host.groups]
    if not inside or (movement.after and wish.limit):
        names = ", ".join(facts.host.name for facts in members)
        raise NothingChanged(_misfit(None if inside else schema.group, names), ALL_OR_NONE)
    return inside[0]


def _misfit(group: str | None, hosts: str) -> str:
    """`group`: the one that migrates, when none of the hosts belongs to it."""
    what = Bilingual("the contracting migration", "сужающая миграция")
    if group is not None:
        what = Bilingual(f"group {group}, where the migrations run,", f"группа {group}, где идут миграции,")
    return Bilingual(
        f"{what} does not fit the hosts of this rollout: {hosts}",
        f"{russian(what)} не подходит к узлам этого развёртывания: {hosts}",
    )


def _ledger_after(facts: HostFacts, wanted: str) -> list[str]:
    """The ledger once the host has switched: what runs now becomes the newest way back."""
    kept = [name for name in facts.ledger if name not in (wanted, facts.current)]
    return [*kept, facts.current] if facts.current else kept


def _verdict(members: Sequence[HostFacts], movement: Movement) -> Verdict:
    running = {Version(facts.version) for facts in members if facts.version}
    if not running:
        return Verdict(kind="first-install", reason=_FIRST)
    moved = (*movement.before, *movement.after)
    broken = [one for one in moved if min(running) < one.oldest_compatible_app]
    if not broken:
        oldest = min(running)
        fits = Bilingual(f"{oldest} runs on the schema as it will be", f"{oldest} работает и с будущей схемой")
        return Verdict(kind="safe", reason=fits)
    numbers = ", ".join(str(one.version) for one in broken)
    if any(one.revert == "irreversible" for one in moved if one.version >= broken[0].version):
        final = Bilingual(
            f"after migration {numbers} there is no way back without a restore",
            f"после миграции {numbers} путь назад — только через восстановление",
        )
        return Verdict(kind="needs-restore", reason=final)
    return Verdict(kind="needs-revert", reason=must_revert(numbers, min(running)))


_FIRST = Bilingual(
    "nothing ran before: taking it back stops it and removes it",
    "раньше ничего не работало: откат остановит и удалит установленное",
)
