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


def guarding_steps(wish: Wish, migrations: Iterable[Migration], local: int) -> Iterator[Step]:
    """The steps of the point that is made before these migrations; none where there are none, or where none is wanted.

    `local` tells this change's points apart. A failed point stops whatever the policy: the migrations rest on it.
    """
    if wish.point is not None and REASON not in wish.reasons and not _is_first(wish) and any(True for _ in migrations):
        yield from point_steps(wish.point, Place(local, "restore-point", f"point-{local}-", data=True))


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
