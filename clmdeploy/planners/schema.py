"""The schema contract: which migrations are due, in which order that is valid, and what a way back would need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clmdeploy.changes.plan import Verdict
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import NothingChanged
from clmdeploy.model.value import Value
from clmdeploy.model.version import Version
from clmdeploy.releases.manifest import Manifest, Migration, Schema

MEND_MIGRATION = Bilingual(
    "finish or revert that migration with the release that brought it, then run the same command again",
    "завершите или отмените ту миграцию релизом, который её принёс, и повторите ту же команду",
)
ALL_OR_NONE = Bilingual(
    "leave --limit away: a schema is changed for all hosts or for none",
    "уберите --limit: схему меняют для всех узлов или ни для одного",
)


class Movement(Value):
    """Migrations before the switch and after it, in rising order of version."""

    before: tuple[Migration, ...] = ()
    after: tuple[Migration, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.before or self.after)


def due_migrations(manifest: Manifest, standing: int, running: Iterable[Version]) -> Movement:
    """What a deploy of `manifest` must migrate from schema `standing` while the releases `running` serve.

    Raises NothingChanged when no valid order exists: a migration due before the switch would break what runs.
    """
    schema = manifest.data_schema
    if schema is None:
        return Movement()
    due = [one for one in schema.migrations if one.version > standing]
    before = tuple(one for one in due if one.version <= schema.needs)
    after = tuple(one for one in due if one.version > schema.needs)
    for migration in before:
        broken = [version for version in running if version < migration.oldest_compatible_app]
        if broken:
            raise NothingChanged(*_no_order(f"{manifest.name} {manifest.version}", migration, min(broken)))
    return Movement(before=before, after=after)


def _no_order(release: str, migration: Migration, broken: Version) -> tuple[str, str]:
    number, least = migration.version, migration.oldest_compatible_app
    return (
        Bilingual(
            f"no valid order: {release} needs migration {number} before it starts, but running {broken} can't work "
            "after it",
            f"верного порядка нет: {release} требует миграцию {number} до запуска, а работающий {broken} после неё "
            "работать не может",
        ),
        Bilingual(
            f"deploy a release in between first, at least {least}",
            f"сначала разверните промежуточный релиз, не ниже {least}",
        ),
    )


def rollback_verdict(schema: Schema | None, standing: int | None, target: Manifest) -> Verdict:
    """What a way back to `target` needs, when the schema is at `standing` and `schema` is the newer release's.

    Compatibility is what each migration above the target's needs declares with `oldest_compatible_app`.
    """
    broken = incompatible(schema, standing, target)
    if not broken:
        fits = Bilingual(
            f"{target.version} runs on the schema as it stands", f"{target.version} работает с нынешней схемой"
        )
        return Verdict(kind="safe", reason=fits)
    lost = [one for one in to_revert(schema, standing, broken) if one.revert == "irreversible"]
    numbers = ", ".join(str(one.version) for one in (lost or broken))
    if lost:
        final = Bilingual(
            f"migration {numbers} is irreversible and {target.version} can't run after it",
            f"миграция {numbers} необратима, и {target.version} после неё работать не может",
        )
        return Verdict(kind="needs-restore", reason=final)
    return Verdict(kind="needs-revert", reason=must_revert(numbers, target.version))


def must_revert(numbers: str, version: Version) -> str:
    """Why a way back to `version` is no safe one."""
    return Bilingual(
        f"migration {numbers} must be reverted before {version} can run",
        f"прежде чем {version} сможет работать, нужно отменить миграцию {numbers}",
    )


def incompatible(schema: Schema | None, standing: int | None, target: Manifest) -> tuple[Migration, ...]:
    """Migrations in the schema after which `target` can't run."""
    if schema is None or standing is None:
        return ()
    needs = target.data_schema.needs if target.data_schema else 0
    return tuple(
        one
        for one in schema.migrations
        if needs < one.version <= standing and target.version < one.oldest_compatible_app
    )


def to_revert(schema: Schema | None, standing: int | None, broken: Sequence[Migration]) -> tuple[Migration, ...]:
    """Migrations to revert so that those in `broken` are gone: all from the oldest of them up, in rising order."""
    if schema is None or standing is None or not broken:
        return ()
    oldest = min(one.version for one in broken)
    return tuple(one for one in schema.migrations if oldest <= one.version <= standing)
