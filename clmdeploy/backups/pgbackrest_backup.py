"""One backup as `pgbackrest info --output=json` tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from clmdeploy.backups.output import Told
from clmdeploy.backups.pgbackrest_names import Label, Lsn, Segment

Count = Annotated[int, Field(ge=0, lt=2**63)]


class DatabaseReference(Told):
    """Which of a stanza's databases."""

    id: Count


class _Range(Told):
    start: Segment | None
    stop: Segment | None


class _Positions(Told):
    start: Lsn
    stop: Lsn


class _Times(Told):
    start: Count
    stop: Count


class _RepositorySize(Told):
    delta: Count
    size: Count | None = None


class _Sizes(Told):
    size: Count
    delta: Count
    repository: _RepositorySize


class _Software(Told):
    version: str


class Backup(Told):
    """One complete backup: what has no manifest is never told of."""

    label: Label
    kind: Literal["full", "diff", "incr"] = Field(alias="type")
    prior: Label | None
    reference: tuple[Label, ...] | None
    archive: _Range
    lsn: _Positions | None = None
    timestamp: _Times
    database: DatabaseReference
    info: _Sizes
    page_errors: bool | None = Field(None, alias="error")
    annotation: dict[str, str] = {}
    backrest: _Software
    damaged_files: tuple[str, ...] = Field((), alias="error-list")

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels of all backups whose bytes this one is made of, itself left out."""
        return self.reference or ()

    @property
    def timeline(self) -> int | None:
        return int(self.archive.stop[:8], 16) if self.archive.stop else None

    @property
    def stored(self) -> int:
        """Bytes that this backup added to the repository (the whole set's size is not told with block increments)."""
        return self.info.repository.delta

    @property
    def completed(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp.stop, UTC)

    @property
    def is_spoiled(self) -> bool:
        """Whether pages had wrong checksums when it was taken: pgBackRest itself calls such a backup a success."""
        return bool(self.page_errors or self.damaged_files)
