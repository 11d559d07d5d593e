"""What the works of a restore point find: results as they stand in the journal, by step and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from clmdeploy.backups.point import Bytes, Counters, Lsn, SegmentName, StoredName
from clmdeploy.backups.wal import SEGMENT_SIZE
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import faults_of
from clmdeploy.model.value import JsonValue


class Result(BaseModel):
    """Later versions may tell more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CheckFound(Result):
    """Of pgbackrest-check."""

    size: Bytes = 0
    """of the database when the newest backup was taken"""


class DatabaseFound(Result):
    """Of pgbackrest-backup."""

    label: StoredName
    type: Literal["full", "diff", "incr"]
    references: tuple[StoredName, ...] = ()
    lsn_start: Lsn
    lsn_stop: Lsn
    wal_start: SegmentName
    wal_stop: SegmentName
    timeline: int
    size: Bytes
    stored: Bytes
    system_id: str
    archive: str


class DumpFound(Result):
    """Of the act dump."""

    label: StoredName
    digest: str
    members: int
    size: Bytes
    stored: Bytes
    ended: float = Field(description="when the last of it was stored, in seconds since 1970")


class MomentFound(Result):
    """Of postgres-moment."""

    system_id: str
    timeline: int
    counters: Counters


class PointFound(Result):
    """Of postgres-point."""

    name: str
    lsn: Lsn
    timeline: int
    segment: SegmentName
    segment_size: int = SEGMENT_SIZE
    system_id: str
    counters: Counters
    size: Bytes = 0


class ArchivedFound(Result):
    """Of pgbackrest-archived."""

    segment: SegmentName


class TreeFound(Result):
    """One tree of files."""

    path: str
    snapshot: StoredName
    files: int
    bytes: Bytes
    at: AwareDatetime | None = None
    """when it was begun, by its host's own clock"""


class FilesFound(Result):
    """Of restic-backup."""

    trees: tuple[TreeFound, ...]


Kind = TypeVar("Kind", bound=Result)


def results_of(kind: type[Kind], arguments: Mapping[str, JsonValue], step: str) -> dict[str, Kind]:
    """By target. `prefix`, of the arguments: what IDs of this point's steps begin with.

    Raises InvalidInput where the journal tells something else.
    """
    told = arguments.get("results", {}).get(arguments.get("prefix", "") + step, {})
    try:
        return {key: kind.model_validate(result) for key, result in told.items()}
    except ValidationError as error:
        raise InvalidInput(f"results of step {step}: {'; '.join(faults_of(error))}") from error


def only(kind: type[Kind], arguments: Mapping[str, JsonValue], step: str) -> Kind:
    """Of a step with one target. Raises InvalidInput where there is none, or more than one."""
    return _single(results_of(kind, arguments, step).values(), step)


def _single(found: Iterable[Kind], step: str) -> Kind:
    results = list(found)
    if len(results) != 1:
        raise InvalidInput(f"step {step} has {len(results)} results instead of one")
    return results[0]
