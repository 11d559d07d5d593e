"""Rollback: to a release that ran here before, once it is sure that it can run on the schema as it stands. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clmdeploy.changes.plan import Plan, Step, Verdict
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import NothingChanged, UsageError
from clmdeploy.model.facts import HostFacts, ServerFacts
from clmdeploy.model.version import Version
from clmdeploy.planners.balancing import balance_steps
from clmdeploy.planners.before_migration import guarded, refuse_pointless, with_point_hosts
from clmdeploy.planners.deploy import expected_state, plan_hosts, policy_of, running_release
from clmdeploy.planners.readiness import refuse_unready
from clmdeploy.planners.rollout import Batch, batch_steps, batches, revert_steps, stage_steps
from clmdeploy.planners.schema import ALL_OR_NONE, MEND_MIGRATION, incompatible, rollback_verdict, to_revert
from clmdeploy.planners.wish import Wish
from clmdeploy.releases.manifest import Migration, Schema


def plan_rollback(wish: Wish, now: float) -> Plan:
    """The plan that brings the fleet back to `wish.target`; without steps when all hosts run it already.

    `now`: the control node's clock, seconds since 1970. Raises NothingChanged with the verdict where there is no way.
    """
    members = wish.members()
    refuse_unready(wish, members, now)
    refuse_upgrade(wish, members)
    _refuse_dirty(wish)
    verdict, reverts = judge(wish)
    _refuse_unsafe(wish, verdict)
    refuse_pointless(wish, reverts)
    _refuse_limited(wish, reverts)
    due = [facts for facts in members if facts.current != wish.release.directory or (wish.offline and facts.is_cut_off)]
    _refuse_staging(wish, due)
    left = _left_drained(wish, members)
    # Who stands drained serves nobody now, and makes the next one dispensable: they go first.
    due.sort(key=lambda facts: all(one.server != facts.host.name for one in left))
    whole = [one for one in left if one.server not in {facts.host.name for facts in due}]
    ledgers = {facts.host.name: _ledger_after(facts, wish.release.directory) for facts in due}
    steps = [
        *stage_steps(wish, due),
        *balance_steps(wish, "left-over", whole, "ready"),
        *_revert_steps(wish, due, reverts),
        *(step for batch in _batches(wish, due, reverts) for step in batch_steps(wish, batch, ledgers, left)),
    ]
    return Plan(
        kind="rollback", environment=wish.settings.name, environment_id=wish.settings.uuid,
        application=wish.settings.application,
        title=f"Roll {wish.settings.application} back to {wish.release.version} in {wish.settings.name}",
        from_release=running_release(members), to_release=wish.release.directory,
        inputs=wish.inputs | {"release": wish.target.release_sha256}, limit=wish.limit,
        hosts=with_point_hosts(wish, plan_hosts(wish, members), steps),
        expected=expected_state(wish, members), steps=tuple(steps), policy=policy_of(wish),
        verdict=verdict, reasons=wish.reasons,
    )  # fmt: skip


def beyond(wish: Wish) -> int | None:
    """The lowest schema version on which the wanted release can't run; None where it can on what stands."""
    standing = wish.fleet.schema_state.version if wish.fleet.schema_state else None
    broken = incompatible(newest_schema(wish.fleet.hosts), standing, wish.release.manifest)
    return min((one.version for one in broken), default=None)


def _revert_steps(wish: Wish, due: Sequence[HostFacts], reverts: Sequence[Migration]) -> Iterator[Step]:
    """A restore point first, then the reverts."""
    standing = wish.fleet.schema_state
    if reverts and standing:
        steps = revert_steps(wish, reverts, _migrator(due, reverts), standing.version, _newest(due))
        yield from guarded(wish, steps, 1)


def judge(wish: Wish) -> tuple[Verdict, tuple[Migration, ...]]:
    """The verdict, and the migrations that would have to be reverted."""
    schema = newest_schema(wish.fleet.hosts)
    standing = wish.fleet.schema_state.version if wish.fleet.schema_state else None
    verdict = rollback_verdict(schema, standing, wish.release.manifest)
    broken = incompatible(schema, standing, wish.release.manifest)
    return verdict, to_revert(schema, standing, broken) if verdict.kind == "needs-revert" else ()


def refuse_upgrade(wish: Wish, members: Sequence[HostFacts]) -> None:
    """A way back never migrates forwards: a newer release would find a schema that is too old for it."""
    newest = max((Version(facts.version) for facts in members if facts.version), default=None)
    wanted, standing = wish.release.manifest.data_schema, wish.fleet.schema_state
    behind = wanted is not None and standing is not None and standing.version < wanted.needs
    if newest is not None and (newest < wish.release.version or behind):
        version, name = wish.release.version, wish.settings.name
        schema = standing.version if behind and standing else None
        raise UsageError(_no_way_back(version, newest, name, schema), f"clmdeploy deploy {version} -e {name}")


def _no_way_back(version: Version, newest: Version | None, name: str, schema: int | None) -> str:
    """`schema`: where it stands, when that is the cause."""
    also = Bilingual("", "")
    if schema is not None:
        also = Bilingual(f", and the schema is at {schema}", f", а схема в версии {schema}")
    return Bilingual(
        f"{version} is no way back: {newest} runs in {name}{also}",
        f"{version} — не путь назад: в {name} работает {newest}{russian(also)}",
    )


def _refuse_dirty(wish: Wish) -> None:
    """A migration that ended half-way may have taken away what an older release needs: its number tells nothing."""
    state = wish.fleet.schema_state
    if state is not None and state.dirty:
        raise NothingChanged(
            Bilingual(
                f"the schema is marked dirty at version {state.version}: a migration ended half-way, no verdict is "
                "sure",
                f"схема помечена как dirty в версии {state.version}: миграция прервана на середине, вердикт невозможен",
            ),
            MEND_MIGRATION,
        )


def _refuse_unsafe(wish: Wish, verdict: Verdict) -> None:
    if verdict.kind == "needs-restore":
        raise NothingChanged(*restore_words(wish, verdict.reason))
    if verdict.kind == "needs-revert" and "accept_outage" not in wish.reasons:
        why = verdict.reason
        raise UsageError(
            Bilingual(
                f"verdict: needs revert migration. {why}; while that is done no release can serve",
                f"вердикт: нужен откат миграции. {russian(why)}; пока он идёт, не работает ни один релиз",
            ),
            Bilingual(
                'say why this is right now: --accept-outage "REASON"',
                'укажите, почему это сейчас верно: --accept-outage "ПРИЧИНА"',
            ),
        )


def restore_words(wish: Wish, why: str) -> tuple[str, str]:
    """The very point, and the command; or that there is none."""
    name, point = wish.settings.name, wish.way_back
    if point is not None:
        return (
            Bilingual(
                f"verdict: needs restore. {why}. Restore point {point} was made before that migration; what was "
                "written since would be lost",
                f"вердикт: нужно восстановление. {russian(why)}. До этой миграции создана точка {point}; записанное "
                "после неё будет потеряно",
            ),
            f"clmdeploy rollback --with-restore --to {wish.release.version} -e {name}",
        )
    return (
        Bilingual(
            f"verdict: needs restore. {why}. Missing: a restore point of {name} from before that migration",
            f"вердикт: нужно восстановление. {russian(why)}. Не хватает точки восстановления {name} до этой миграции",
        ),
        Bilingual(
            "restore the database by your own means first, or go forward with a release that mends the fault",
            "сначала восстановите базу своими средствами или идите вперёд с релизом, который исправляет ошибку",
        ),
    )


def _refuse_limited(wish: Wish, reverts: Sequence[Migration]) -> None:
    if reverts and wish.limit:
        numbers = ", ".join(str(one.version) for one in reverts)
        raise NothingChanged(
            Bilingual(
                f"migration {numbers} would be reverted under the hosts that --limit leaves out",
                f"миграция {numbers} была бы отменена и под узлами, которые исключает --limit",
            ),
            ALL_OR_NONE,
        )


def _refuse_staging(wish: Wish, due: Sequence[HostFacts]) -> None:
    lacking = [facts.host.name for facts in due if wish.release.directory not in facts.staged]
    if wish.offline and lacking:
        raise NothingChanged(
            _unstaged(", ".join(lacking), wish.release.directory),
            Bilingual(
                "leave that host out: --limit HOST,HOST; or wait for the storage",
                "исключите этот узел: --limit УЗЕЛ,УЗЕЛ; или дождитесь хранилища",
            ),
        )


def _unstaged(hosts: str, directory: str) -> str:
    return Bilingual(
        f"{hosts} does not hold {directory}, and the storage can't be asked for it",
        f"на {hosts} нет {directory}, а взять его из хранилища нельзя",
    )


def _left_drained(wish: Wish, members: Sequence[HostFacts]) -> list[ServerFacts]:
    """Servers that an interrupted change has drained: with the storage at hand, its abort would put them back."""
    names = {facts.host.name for facts in members} if wish.offline else set()
    return [one for one in wish.fleet.servers if one.state == "drain" and one.holder and one.server in names]


def newest_schema(members: Sequence[HostFacts]) -> Schema | None:
    """The schema section of whichever running release knows most migrations; None where none has one."""
    sections = [Schema.model_validate(facts.manifest_schema) for facts in members if facts.manifest_schema]
    return max(sections, key=lambda one: max((m.version for m in one.migrations), default=0), default=None)


def _newest(due: Sequence[HostFacts]) -> str:
    """The running release whose hooks revert: that of the hosts that are to be switched."""
    return max(due, key=lambda facts: Version(facts.version or "0.0.0")).current or ""


def _migrator(due: Sequence[HostFacts], reverts: Sequence[Migration]) -> HostFacts:
    """A host that has the hooks which revert: one that runs the newest release."""
    schema, newest = newest_schema(due), _newest(due)
    able = [facts for facts in due if facts.current == newest]
    inside = [facts for facts in able if schema is not None and schema.group in facts.host.groups]
    if not inside:
        numbers = ", ".join(str(one.version) for one in reverts)
        raise NothingChanged(
            Bilingual(
                f"migration {numbers} must be reverted, but no host of this rollback belongs to the group that "
                "migrates",
                f"нужно отменить миграцию {numbers}, но ни один узел этого отката не входит в группу миграций",
            ),
            Bilingual("compare hosts.yml with the release's schema.group", "сравните hosts.yml с schema.group релиза"),
        )
    return inside[0]


def _batches(wish: Wish, due: Sequence[HostFacts], reverts: Sequence[Migration]) -> Sequence[Batch]:
    """After a revert nothing that runs works: all at once. Else batch by batch, with a canary only when asked for."""
    if reverts and due:
        return (Batch(name="batch-1", hosts=tuple(due)),)
    return tuple(batches(wish.model_copy(update={"canary": wish.canary or 0}), due))


def _ledger_after(facts: HostFacts, wanted: str) -> list[str]:
    """The ledger once the host is back: the target and what came after it are no longer ways back."""
    ledger = list(facts.ledger)
    return ledger[: ledger.index(wanted)] if wanted in ledger else ledger
