"""Which restore point a way back would need: the newest that an earlier release can run on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clmdeploy.backups.point import RestorePoint
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import NothingChanged, UsageError
from clmdeploy.model.facts import FleetFacts
from clmdeploy.planners.rollback import judge, newest_schema, refuse_upgrade, restore_words
from clmdeploy.planners.schema import rollback_verdict
from clmdeploy.planners.wish import Wish
from clmdeploy.releases.manifest import Manifest, Schema


def ways_back(fleet: FleetFacts) -> list[str]:
    """Directories of the releases that ran on the hosts before, by their ledgers."""
    return sorted({name for facts in fleet.hosts for name in facts.ledger})


def points_needed(
    fleet: FleetFacts, releases: Mapping[str, Manifest], points: Sequence[RestorePoint]
) -> dict[str, str]:
    """Point → the release to which a rollback would need it.

    `releases`: manifests of the ways back, by directory; `points`: those that can be restored, newest first.
    """
    schema, standing = newest_schema(fleet.hosts), fleet.schema_state
    needed: dict[str, str] = {}
    for directory, manifest in sorted(releases.items()):
        if rollback_verdict(schema, standing.version if standing else None, manifest).kind == "needs-restore":
            point = point_for(manifest, schema, points)
            if point is not None:
                needed.setdefault(point.id, directory)
    return needed


def point_for(manifest: Manifest, schema: Schema | None, points: Iterable[RestorePoint]) -> RestorePoint | None:
    """The first of them on whose schema the release can run."""
    fitting = (one for one in points if one.schema_version is not None)
    return next((one for one in fitting if rollback_verdict(schema, one.schema_version, manifest).kind == "safe"), None)


def point_to_restore(wish: Wish) -> str:
    """ID of the point that a rollback with a restore brings back.

    Raises UsageError where a rollback without one will do, or the release is no way back; NothingChanged where there is
    no such point.
    """
    refuse_upgrade(wish, wish.members())
    verdict, _ = judge(wish)
    if verdict.kind != "needs-restore":
        raise UsageError(
            _needless(verdict.kind), f"clmdeploy rollback --to {wish.release.version} -e {wish.settings.name}"
        )
    if wish.way_back is None:
        raise NothingChanged(*restore_words(wish, verdict.reason))
    return wish.way_back


def _needless(kind: str) -> str:
    return Bilingual(
        f"verdict: {kind}. The release before runs without a restore: what was written since need not be lost",
        f"вердикт: {kind}. Прежний релиз работает и без восстановления: записанное после него терять незачем",
    )
