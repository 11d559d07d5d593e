"""What a restore is planned from: what was asked for, which points serve, and how hosts and databases were found."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from clmdeploy.backups.point import Counters, FilesPart
from clmdeploy.backups.table_name import TableName
from clmdeploy.backups.targets import Choice
from clmdeploy.config.backup import Backup
from clmdeploy.config.settings import Environment
from clmdeploy.model.facts import FleetFacts, HostFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import Text, Value
from clmdeploy.planners.backup import PointWish
from clmdeploy.planners.wish import Wish


class ClusterFacts(Value):
    """One database host as it was found. Sizes are bytes."""

    host: Host
    running: bool = False
    readable: bool = Field(False, description="answers questions, in recovery or not")
    recovery: bool = Field(False, description="a standby, or still recovering")
    timeline: int = 0
    system_id: str = ""
    free: int = Field(0, description="where its data lies")
    used: int = Field(0, description="by its data")
    beside: int = Field(0, description="free where a second cluster would lie: in the directory above")
    size: int = 0
    slots: tuple[str, ...] = ()
    slot: str = Field("", description="of a standby: the one on the primary that it follows by")
    counters: Counters | None = None
    oid: int = Field(0, description="of the database whose rows are counted; 0 where that is not known")
    clock: float = Field(0.0, description="seconds since 1970")
    fault: Text = ""


class Tree(Value):
    """A path to put back on one host, and the snapshot that it is in."""

    part: FilesPart
    path: str


class Scope(Value):
    """What is restored, and where to."""

    database: bool = True
    files: bool = True
    path: str | None = Field(None, description="this path alone")
    directory: str | None = Field(None, description="beside what runs, which is not touched")
    tables: tuple[TableName, ...] = Field((), description="these alone, into files in that directory")

    @property
    def whole(self) -> bool:
        """Database and files, where they belong: then the release has to fit too."""
        return self.database and self.files and self.path is None and self.directory is None


class Left(Value):
    """What a change that can't reach its end has left behind, for the restore that takes its place."""

    change: str
    primary: str = Field("", description="host whose database it replaced; empty: it had not come to that")
    slots: tuple[str, ...] = ()
    trees: tuple[tuple[str, str], ...] = Field((), description="hosts and paths whose files it has begun to replace")
    release: bool = Field(False, description="it may have switched hosts to another release")
    safety: str | None = Field(None, description="the restore point of what stood before")


class RestoreWish(Value):
    """The inputs of a restore."""

    settings: Environment
    backup: Backup
    backup_host: Host
    inputs: dict[str, str]
    scope: Scope
    choice: Choice
    until: str = Field(description="last segment of the log that recovery is known to read")
    history: tuple[tuple[int, str], ...] = Field(
        (), description="of the timeline that recovery follows: left, and where"
    )
    fleet: FleetFacts
    rollout: Wish | None = Field(None, description="for the point's own release; none where it had none")
    point: PointWish = Field(description="for the points that are made before and after")
    clusters: tuple[ClusterFacts, ...]
    repositories: dict[str, str] = Field({}, description="of files: host → address, as that host reaches it")
    hosts: tuple[Host, ...] = Field((), description="all of the inventory")
    start_senders: bool = False
    goes_back: bool = Field(False, description="a rollback needs it: the release is the one that was asked for")
    reasons: dict[str, str] = {}
    left: Left | None = Field(None, description="by the change whose place this one takes")

    @property
    def primary(self) -> ClusterFacts:
        """The one that takes writes; while none does, whose data an earlier restore replaced, or the first."""
        writers = [one for one in self.clusters if one.readable and not one.recovery]
        replaced = [one for one in self.clusters if self.left is not None and one.host.name == self.left.primary]
        return (writers or replaced or list(self.clusters))[0]

    @property
    def slots(self) -> tuple[str, ...]:
        """Of replication: they are no part of a backup, and have to be made again.

        Where the primary is gone, the standbys alone know what they follow by; without it they would wait for ever.
        """
        known = self.left.slots if self.left is not None else ()
        followed = (one.slot for one in self.standbys if one.slot)
        return tuple(dict.fromkeys((*self.primary.slots, *known, *followed)))

    @property
    def makes_safety_point(self) -> bool:
        """Whether what stands now is stored first: where it can be read, and nobody has said otherwise."""
        takes_writes = self.primary.readable and not self.primary.recovery
        return "no_safety_point" not in self.reasons and (self.left is None or takes_writes)

    @property
    def standbys(self) -> tuple[ClusterFacts, ...]:
        return tuple(one for one in self.clusters if one != self.primary)

    def members(self) -> tuple[HostFacts, ...]:
        """Hosts on which a release runs."""
        return tuple(facts for facts in self.fleet.hosts if facts.current is not None)

    def trees(self) -> Iterator[Tree]:
        """What is put back. A host's own configuration is, only where its path is named: it may be what mends it."""
        release_hosts = {facts.host.name for facts in self.members()}
        for part in self.choice.files.files:
            if self.scope.path is None and part.host in release_hosts:
                yield Tree(part=part, path=part.path)
            elif self.scope.path is not None and _is_within(self.scope.path, part.path):
                yield Tree(part=part, path=self.scope.path)

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)


class SendersWish(Value):
    """The inputs of starting what a restore has left stopped."""

    settings: Environment
    inputs: dict[str, str]
    fleet: FleetFacts


def _is_within(path: str, tree: str) -> bool:
    return path == tree or path.startswith(tree.rstrip("/") + "/")
