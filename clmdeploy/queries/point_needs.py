"""Who needs a restore point: open changes that made it or name it, and releases to which a rollback would need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.retention_words import needed_by_change, needed_by_rollback
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.ports import Performer
from clmdeploy.changes.proposals import Proposals
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ClmError, VerificationFailed
from clmdeploy.model.value import canonical_json
from clmdeploy.model.version import Version
from clmdeploy.planners.rollback import newest_schema
from clmdeploy.planners.ways_back import points_needed, ways_back
from clmdeploy.queries import changes
from clmdeploy.queries.chains import Journals
from clmdeploy.queries.fleet import gather_fleet
from clmdeploy.queries.host_releases import Releases
from clmdeploy.queries.wishes import release_groups
from clmdeploy.releases.manifest import Manifest

_NAMED = re.compile(rb'"([0-9]{8}-[0-9]{9}-[0-9a-f]{4,12})"')
_CHANGE = re.compile(r"([0-9]{8}-[0-9]{9})-[a-z]+-([0-9a-f]+)")


@dataclass(frozen=True)
class Needs:
    """Asks journals and hosts."""

    environment: LoadedEnvironment
    journals: Journals
    proposals: Proposals
    hosts: Performer
    releases: Releases

    def open_changes(self, points: Sequence[str], ours: str = "") -> dict[str, str]:
        """Point → open change that made it or names it. `ours`: a change that asks this of itself.

        Raises VerificationFailed when a journal can't be believed.
        """
        found: dict[str, str] = {}
        for change, plan in self._plans(ours):
            named = {text.decode() for text in _NAMED.findall(canonical_json(plan))}
            found |= {point: change for point in points if point in named or made_by(point, change)}
        return found

    def ways_back(self, points: Sequence[RestorePoint]) -> dict[str, str]:
        """Point → release to which a rollback would need it. `points`: newest first.

        Raises VerificationFailed when nobody can tell: no host answers, or the schema's version is not known.
        """
        groups = release_groups(self.environment, None)
        fleet = gather_fleet(self.hosts, self.environment, groups, probe=False)
        members = [one for one in fleet.hosts if groups & set(one.host.groups)]
        answering = fleet.model_copy(update={"hosts": tuple(one for one in members if one.reachable)})
        if members and not answering.hosts:
            raise VerificationFailed(_SILENT)
        if newest_schema(answering.hosts) is not None and answering.schema_state is None:
            raise VerificationFailed(_NO_SCHEMA)
        manifests = {name: self._manifest(name) for name in ways_back(answering)}
        return points_needed(answering, manifests, points)

    def words(self, point: RestorePoint, points: Sequence[RestorePoint]) -> tuple[str, ...]:
        """By whom one of the points is needed; what can't be told now is told as that."""
        found: list[str] = []
        try:
            found += map(needed_by_change, self.open_changes([point.id]).values())
            found += [needed_by_rollback(name) for one, name in self.ways_back(points).items() if one == point.id]
        except ClmError as error:
            found.append(Bilingual(f"? ({error.message})", f"? ({russian(error.message)})"))
        return tuple(found)

    def _plans(self, ours: str) -> Iterator[tuple[str, Plan]]:
        for journal in self.journals:
            for change in changes.candidates(journal):
                if change != ours:
                    yield change, journal.plan(change).plan
        for change in self.proposals.waiting():
            yield change, self.proposals.read(change).signed.plan

    def _manifest(self, directory: str) -> Manifest:
        name = self.environment.settings.application
        return self.releases.fetch(name, Version(directory.rpartition("-")[0])).release.manifest


def made_by(point: str, change: str) -> bool:
    """Whether the point was made within this change: its ID begins with the change's time and nonce."""
    found = _CHANGE.fullmatch(change)
    return found is not None and point.startswith(f"{found[1]}-{found[2]}")


_SILENT = Bilingual(
    "no host tells which releases are ways back: a rollback may need any point",
    "ни один узел не сообщает, на какие релизы можно откатиться: откату может понадобиться любая точка",
)
_NO_SCHEMA = Bilingual(
    "no host tells the schema's version: a rollback may need any point",
    "ни один узел не сообщает версию схемы: откату может понадобиться любая точка",
)
