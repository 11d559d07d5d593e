"""The restore point: database backup, file snapshots, release and configuration bound together under one ID.

Its manifest is published last, when all of that is stored and checked: what has a manifest is whole. So there is no
status in it, and nothing in it ever changes; whether it is pinned or on its way out stands beside it (`standing`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from clmdeploy.backups.wal import SEGMENT_SIZE, Segment, is_lsn, is_segment, position
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value

DatabaseEngine = Literal["pgbackrest", "pgdump"]
FileEngine = Literal["restic"]

_ID = re.compile(r"[0-9]{8}-[0-9]{9}-[0-9a-f]{4,12}", re.ASCII)
_CHANGE = re.compile(r"([0-9]{8}-[0-9]{9})-[a-z]+-([0-9a-f]{2,10})", re.ASCII)


def new_point_id(now: datetime, nonce: str) -> str:
    """Like 20260131-235959042-b7fc: IDs sort by the time of their making, to the millisecond. `now` is in UTC."""
    return f"{now:%Y%m%d-%H%M%S}{now.microsecond // 1000:03d}-{nonce}"


def point_of_change(change: str, local: int) -> str:
    """The ID of a change's first, second … point: 20260131-235959042-deploy-b7fc and 1 give 20260131-235959042-b7fc01.

    So no plan has it in it: the same wish is the same plan, whenever it is carried out. Raises InvalidInput for what is
    no ID of a change, or more points than one change has.
    """
    found = _CHANGE.fullmatch(change)
    if found is None or not 1 <= local <= 255:
        raise InvalidInput(f"{change[:80]!r} has no restore point {local}")
    return f"{found[1]}-{found[2]}{local:02x}"


def begun_at(point_id: str) -> datetime:
    """When a point was begun, by its ID; UTC. Raises InvalidInput."""
    if not is_point_id(point_id):
        raise InvalidInput(f"{point_id[:80]!r} is not a restore point's ID")
    day, time = point_id.split("-")[:2]
    return datetime.strptime(f"{day}{time}000+0000", "%Y%m%d%H%M%S%f%z")


def is_point_id(text: str) -> bool:
    """Whether this is a point's ID, rather than the name of something else."""
    return _ID.fullmatch(text) is not None


def restore_point_name(point_id: str) -> str:
    """How its names inside PostgreSQL begin (`pg_create_restore_point`, at most 63 bytes, no quotes)."""
    return f"clm-{point_id}"


def _point_id(text: str) -> str:
    if not is_point_id(text):
        raise ValueError(f"{text[:80]!r} is not a restore point's ID like 20260131-235959042-b7fc")
    return text


def _lsn(text: str) -> str:
    if not is_lsn(text):
        raise ValueError(f"{text[:40]!r} is not a log sequence number like 1A/2B000028")
    return text


def _segment(text: str) -> str:
    if not is_segment(text):
        raise ValueError(f"{text[:80]!r} is not the name of a WAL segment")
    return text


PointId = Annotated[str, AfterValidator(_point_id)]
Lsn = Annotated[str, AfterValidator(_lsn)]
SegmentName = Annotated[str, AfterValidator(_segment)]
Bytes = Annotated[int, Field(ge=0)]
StoredName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""a label or a snapshot's ID: it comes into argument vectors, so it begins with no hyphen"""


class Holding(Value):
    """One thing that an engine keeps: a backup by its label, a snapshot by its ID."""

    engine: DatabaseEngine | FileEngine
    repository: str
    name: StoredName

    def __str__(self) -> str:
        return f"{self.engine} {self.repository} {self.name}"


class NamedPoint(Value):
    """The named restore point inside the log, to which the database is brought."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")
    lsn: Lsn


class WalSpan(Value):
    """The log that a physical backup needs, and that its point needs."""

    start: SegmentName = Field(description="first segment that recovery reads")
    stop: SegmentName = Field(description="segment that makes the backup consistent, with nothing else")
    segment_size: int = Field(SEGMENT_SIZE, description="bytes")
    named: NamedPoint
    lsn_start: Lsn
    lsn_stop: Lsn

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        try:
            start, stop = (Segment.named(name, self.segment_size) for name in (self.start, self.stop))
        except InvalidInput as error:
            raise ValueError(error.message) from error
        if not position(self.lsn_start) <= position(self.lsn_stop) <= position(self.named.lsn):
            raise ValueError("the named restore point lies before the end of the backup: the point can't be reached")
        if start.timeline != stop.timeline or start > stop:
            raise ValueError(f"the backup's log runs from {self.start} to {self.stop}, which is no span")
        return self

    @property
    def until(self) -> Segment:
        """The last segment that recovery to the named point reads."""
        first = Segment.named(self.start, self.segment_size)
        named = Segment.ending_at(first.timeline, self.named.lsn, self.segment_size)
        return max(named, Segment.named(self.stop, self.segment_size))


class Counters(Value):
    """Rows written in the database's lifetime up to the point (pg_stat_database): says later how many came since."""

    inserted: int = Field(ge=0)
    updated: int = Field(ge=0)
    deleted: int = Field(ge=0)
    at: AwareDatetime | None = Field(None, description="by the database server's own clock")
    statistics: str = Field(
        "", description="which count of the server this is: another one began anew, and says nothing"
    )


class DatabasePart(Value):
    """The database of a point."""

    engine: DatabaseEngine
    repository: str = Field(min_length=1, description="stanza, or host that made the dump")
    label: StoredName
    type: Literal["full", "diff", "incr", "dump"]
    references: tuple[StoredName, ...] = Field((), description="labels of the other backups whose bytes this one needs")
    system_id: str = Field(pattern=r"^[0-9]{1,20}$", description="as text: JSON readers lose digits beyond 2^53")
    timeline: int = Field(ge=1)
    wal: WalSpan | None = Field(None, description="none for a dump: it has no point-in-time")
    size: Bytes = Field(description="of the database")
    stored: Bytes = Field(description="what this backup added to the repository")
    counters: Counters
    digest: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a dump's manifest, which names all its objects"
    )

    @model_validator(mode="after")
    def _restorable(self) -> Self:
        if (self.engine == "pgdump") != (self.type == "dump") or (self.engine == "pgdump") != (self.wal is None):
            raise ValueError("a dump has no log; every other backup can't be restored without it")
        if (self.engine == "pgdump") != (self.digest is not None):
            raise ValueError("a dump is known by its manifest's digest, and nothing else is")
        if (self.type in ("diff", "incr")) != bool(self.references) or self.label in self.references:
            raise ValueError(f"a backup of type {self.type} that needs {', '.join(self.references) or 'no other'}")
        if self.wal and Segment.named(self.wal.start, self.wal.segment_size).timeline != self.timeline:
            raise ValueError(f"the log {self.wal.start} is not of timeline {self.timeline}")
        return self

    @property
    def holding(self) -> Holding:
        return self._held(self.label)

    @property
    def needs(self) -> tuple[Holding, ...]:
        """The backup itself and all that it references."""
        return (self.holding, *map(self._held, self.references))

    @property
    def full(self) -> str:
        """Label of the full backup that this one stands on, itself included: labels sort by time."""
        return min(self.label, *self.references) if self.references else self.label

    def _held(self, label: str) -> Holding:
        return Holding(engine=self.engine, repository=self.repository, name=label)


class FilesPart(Value):
    """One tree of files on one host."""

    host: str = Field(min_length=1)
    path: str = Field(pattern=r"^/")
    engine: FileEngine = "restic"
    repository: str = Field(min_length=1)
    snapshot: StoredName
    files: int = Field(ge=0)
    bytes: Bytes

    @property
    def holding(self) -> Holding:
        return Holding(engine=self.engine, repository=self.repository, name=self.snapshot)


class RestorePoint(Value):
    """A whole set. Times are UTC: `created` when it was begun, `completed` when all of it was stored and checked."""

    format: Literal["restore-point/1"] = "restore-point/1"
    id: PointId
    environment: str = Field(min_length=1)
    environment_id: str = Field(min_length=1)
    created: AwareDatetime
    completed: AwareDatetime
    reason: str = Field("", max_length=1000)
    who: str = Field(min_length=1, description="principal")
    release: str | None = Field(None, description="directory of the release that ran; none before the first deploy")
    schema_version: int | None = Field(None, description="of the database, as the release's hook told it")
    config_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    database: DatabasePart
    files: tuple[FilesPart, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.completed < self.created:
            raise ValueError("completed before it was created")
        places = [(part.host, part.path) for part in self.files]
        if len(places) != len(set(places)):
            raise ValueError("one tree of files is in it twice")
        return self

    @property
    def needs(self) -> tuple[Holding, ...]:
        """Everything in the engines' repositories that must be there to restore it; the log comes on top."""
        return (*self.database.needs, *(part.holding for part in self.files))

    @property
    def own(self) -> tuple[Holding, ...]:
        """What was stored for this point; others may need it too."""
        return (self.database.holding, *(part.holding for part in self.files))
