"""Gathers what the planner of restore points needs: who is the primary, which release runs, which schema stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from clmdeploy.backups.layout import Layout
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.backup_hosts import backup_of, parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.hosts import Host
from clmdeploy.model.version import Version
from clmdeploy.planners.backup import PointWish, Type
from clmdeploy.planners.point_facts import PointFacts, ServerRole
from clmdeploy.queries.fleet import gather_fleet
from clmdeploy.queries.host_releases import Releases
from clmdeploy.queries.points import Seen
from clmdeploy.queries.wishes import release_groups
from clmdeploy.releases.manifest import Release

TIMEOUT = 60


@dataclass(frozen=True)
class BackingUp:
    """What is asked with."""

    environment: LoadedEnvironment
    hosts: Performer
    engines: Performer
    catalogue: Releases
    inputs: Mapping[str, str]
    points: Callable[[], Iterable[Seen]] = tuple
    """the restore points that there are, newest first"""

    def wish(self, kind: Type, reason: str, pin: str | None) -> PointWish:
        """Of that kind, but a full one where the backups that it would stand on are known to be damaged.

        Raises UsageError where clm.yml describes no backups, InvalidInput for a release that runs and is not believed.
        """
        layout = Layout(self.environment.settings, backup_of(self.environment), parties(self.environment))
        sound = "full" if is_damaged(self.points()) else kind
        return PointWish(layout, self.facts(layout), self.inputs, sound, reason, pin)

    def facts(self, layout: Layout) -> PointFacts:
        """The servers' roles, and the release that most hosts run: half-way through a rollout there are two."""
        fleet = gather_fleet(self.hosts, self.environment, release_groups(self.environment, None))
        running = Counter(one.current for one in fleet.hosts if one.current)
        release = self._release(max(running, key=lambda name: (running[name], name))) if running else None
        state = fleet.schema_state
        return PointFacts(
            servers=self.servers(layout), release=release, schema_version=state.version if state else None
        )

    def servers(self, layout: Layout) -> tuple[ServerRole, ...]:
        """Every database host, as it answers."""
        database, hosts = layout.backup.database, layout.parties.database
        asks = [
            Guarded(
                key=host.name, host=host, environment=self.environment.settings.uuid, guard="ask", verb="ask",
                act="postgres-role", timeout=TIMEOUT, arguments={"database": database.name, "port": database.port},
            )
            for host in hosts
        ]  # fmt: skip
        answers = self.engines.perform(asks, lambda _key, _outcome: None)
        return tuple(_role(host, answers[host.name]) for host in hosts)

    def _release(self, directory: str) -> Release:
        """What the running release declares. Its signature was verified."""
        version = Version(directory.rpartition("-")[0])
        return self.catalogue.fetch(self.environment.settings.application, version).release


def is_damaged(points: Iterable[Seen]) -> bool:
    """Whether verification found fault with a point that stands on the newest full backup: the next one would too.

    Which of a point's parts is damaged is not told apart: one full backup too many harms nobody.
    """
    known = sorted(points, key=lambda one: one.point.completed)
    newest = known[-1].point.database.full if known else ""
    return any(one.faults for one in known if one.point.database.full == newest)


def _role(host: Host, answer: Outcome) -> ServerRole:
    if not answer.is_done:
        return ServerRole(host=host, message=answer.complaint(host.name))
    return ServerRole.model_validate({"host": host, **answer.result})
