"""What lies in the backup storage now, by parts; and which log, of which cluster."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from clmdeploy.backups.damages import host_of
from clmdeploy.backups.parts import Part, StorageMap, segment_of
from clmdeploy.backups.pgbackrest_info import Database, StanzaInfo
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.spoiling import Log
from clmdeploy.backups.verification import Object
from clmdeploy.backups.wal import Segment
from clmdeploy.queries.stored_objects import Listed

WITNESSES = 3


@dataclass
class Inventory:
    """Everything that is listed. Kept small: an object is a name, a size and an entity tag."""

    layout: StorageMap
    parts: defaultdict[Part, list[Listed]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, layout: StorageMap, listed: Iterable[Listed]) -> Inventory:
        """Keys that no engine of ours has written are left aside."""
        made = cls(layout)
        for one in listed:
            part = layout.part_of(one.key)
            if part is not None:
                made.parts[part].append(one)
        return made

    @property
    def witnesses(self) -> tuple[str, ...]:
        """Small objects of several parts: when none of them can be read, it is the storage that does not serve."""
        chosen = (min(many, key=lambda one: (one.size == 0, one.size)) for many in self.parts.values())
        return tuple(one.key for one in sorted(chosen, key=lambda one: (one.size == 0, one.size))[:WITNESSES])

    def keys(self, part: Part) -> frozenset[str]:
        return frozenset(one.key for one in self.parts.get(part, ()))

    def segments(self, archive: str) -> frozenset[str]:
        """Names of the segments in one archive, like 17-1."""
        return frozenset(
            name for part, many in self.parts.items()
            if part.kind == "log" and part.name.startswith(f"{archive}/") for name in map(_segment, many) if name
        )  # fmt: skip

    def logs(self, info: StanzaInfo | None, points: Iterable[RestorePoint]) -> tuple[Log, ...]:
        """By cluster. Where the repository can't tell whose an archive is, all log counts for every cluster."""
        stanza, archives = self.layout.stanza, self._archives
        if info is None:
            clusters = sorted({point.database.system_id for point in points if point.database.wal})
            all_of_it = frozenset[str]().union(*map(self.segments, archives))
            return tuple(Log(repository=stanza, system_id=one, segments=all_of_it) for one in clusters)
        names: defaultdict[str, set[str]] = defaultdict(set)
        for database in info.databases:
            names[str(database.system_id)].update(*map(self.segments, _of_database(archives, database)))
        return tuple(
            Log(repository=stanza, system_id=one, segments=frozenset(found)) for one, found in sorted(names.items())
        )

    def histories(self, info: StanzaInfo | None, points: Iterable[RestorePoint]) -> frozenset[str]:
        """Keys of what tells where the points' timelines come from; none where nobody can tell whose an archive is."""
        timelines = {(one.database.system_id, one.database.timeline) for one in points if one.database.wal}
        return frozenset(
            self.layout.history_key(archive, timeline)
            for database in (info.databases if info else ())
            for archive in _of_database(self._archives, database)
            for system_id, timeline in timelines if timeline > 1 and system_id == str(database.system_id)
        )  # fmt: skip

    @property
    def _archives(self) -> list[str]:
        return sorted({part.name.partition("/")[0] for part in self.parts if part.kind == "log"})

    def whole_files(self, host: str) -> Object | None:
        """A file repository as one thing: it changes whenever an object comes or goes. None where there is none."""
        many = sorted(
            (one.key, one.size) for part, all_of_it in self.parts.items()
            if part.engine == "restic" and part.repository == host for one in all_of_it
        )  # fmt: skip
        if not many:
            return None
        digest = hashlib.sha256("\n".join(f"{key} {size}" for key, size in many).encode()).hexdigest()
        return Object(
            key=self.layout.whole_files_key(host), size=sum(size for _, size in many), etag=digest, changes=True
        )


@dataclass(frozen=True)
class Needs:
    """What some points need to be restored."""

    layout: StorageMap
    points: tuple[RestorePoint, ...]

    @property
    def labels(self) -> frozenset[str]:
        """Of backups in the stanza."""
        return frozenset(
            one.name for point in self.points for one in point.database.needs if one.engine == "pgbackrest"
        )

    @property
    def dumps(self) -> dict[tuple[str, str], str]:
        """Host and name of each dump, and the digest of its manifest."""
        parts = [point.database for point in self.points]
        return {(one.repository, one.label): one.digest or "" for one in parts if one.engine == "pgdump"}

    @property
    def hosts(self) -> frozenset[str]:
        """Whose file repositories."""
        return frozenset(host_of(one.repository) for point in self.points for one in point.files)

    @property
    def snapshots(self) -> frozenset[str]:
        """Keys of the snapshots."""
        return frozenset(
            self.layout.snapshot_key(host_of(one.repository), one.snapshot)
            for point in self.points
            for one in point.files
        )

    def covers(self, part: Part) -> bool:
        """Whether one of the points needs something of it."""
        match part.kind:
            case "info":
                return any(point.database.engine == "pgbackrest" for point in self.points)
            case "backup":
                return part.name in self.labels
            case "log":
                return part.name.partition("/")[2] in self._folders
            case "dump":
                return (part.repository, part.name) in self.dumps
        return part.repository in self.hosts

    @property
    def _folders(self) -> frozenset[str]:
        found: set[str] = set()
        for wal in (point.database.wal for point in self.points):
            if wal is not None:
                start = Segment.named(wal.start, wal.segment_size)
                numbers = range(start.number, wal.until.number + 1)
                found.update(Segment(start.timeline, number, start.size).name[:16] for number in numbers)
        return frozenset(found)


def _of_database(archives: Iterable[str], database: Database) -> list[str]:
    return [one for one in archives if one.partition("-")[2] == str(database.id)]


def _segment(one: Listed) -> str:
    stored = segment_of(one.key)
    return stored.segment if stored is not None and not stored.partial else ""
