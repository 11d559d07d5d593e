"""The restore point that a change makes before it touches the schema. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clmdeploy.changes.plan import Step
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import UsageError
from clmdeploy.model.hosts import Host
from clmdeploy.planners.backup import Place, point_hosts, point_steps
from clmdeploy.planners.point_refusals import refuse_unready
from clmdeploy.planners.wish import Wish
from clmdeploy.releases.manifest import Migration

REASON = "no_restore_point"


def refuse_pointless(wish: Wish, migrations: Sequence[Migration]) -> None:
    """Raises UsageError when no point can be made and nobody has said why that is right; as `refuse_unready` does too.

    An empty schema that no release has ever served is no loss.
    """
    if not migrations or REASON in wish.reasons or _is_first(wish):
        return
    if wish.point is None:
        raise UsageError(*_pointless(wish, migrations))
    refuse_unready(wish.point.layout, wish.point.facts)


def guarded(wish: Wish, migrations: Iterable[Step], local: int) -> Iterator[Step]:
    """These migrations, and before them a restore point, where there are any and it is wanted.

    `local` tells this change's points apart. A failed point stops whatever the policy: the migrations rest on it. The
    first of them looks how old it is: a change may have waited in between.
    """
    steps = list(migrations)
    if not steps or wish.point is None or REASON in wish.reasons or _is_first(wish):
        yield from steps
        return
    made = list(point_steps(wish.point, Place(local, "restore-point", f"point-{local}-", data=True)))
    yield from made
    resting = steps[0].action.model_copy(update={"uses": (made[-1].id,)})
    yield steps[0].model_copy(update={"action": resting})
    yield from steps[1:]


def with_point_hosts(wish: Wish, hosts: Sequence[Host], steps: Iterable[Step]) -> tuple[Host, ...]:
    """`hosts`, and whoever else makes a point in these steps."""
    named = {target.host for step in steps for target in step.targets} - {host.name for host in hosts}
    makers = point_hosts(wish.point) if wish.point else ()
    return (*hosts, *(host for host in makers if host.name in named))


def _is_first(wish: Wish) -> bool:
    standing = wish.fleet.schema_state
    return not any(facts.current for facts in wish.fleet.hosts) and (standing is None or standing.version == 0)


def _pointless(wish: Wish, migrations: Sequence[Migration]) -> tuple[str, str]:
    numbers, version = ", ".join(str(one.version) for one in migrations), wish.release.version
    why = Bilingual("clm.yml describes no backups", "в clm.yml не описаны резервные копии")
    if wish.offline:
        why = Bilingual("without the storage none can be made", "без хранилища её не создать")
    return (
        Bilingual(
            f"{version} changes the schema (migration {numbers}) and there would be no restore point: {why}",
            f"{version} меняет схему (миграция {numbers}), а точки восстановления не будет: {russian(why)}",
        ),
        Bilingual(
            'take a backup by your own means, then say so: --no-restore-point "REASON"',
            'сделайте резервную копию своими средствами и подтвердите: --no-restore-point "ПРИЧИНА"',
        ),
    )
