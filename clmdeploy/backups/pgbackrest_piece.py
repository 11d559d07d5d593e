"""What a manifest says of a backup as a whole, and of each file in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from clmdeploy.backups.output import Told
from clmdeploy.backups.pgbackrest_names import Label, Lsn, Segment

Size = Annotated[int, Field(ge=0, lt=2**63)]
Sha1 = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class ListedFile(Told):
    """One entry of `[target:file]`."""

    size: Size
    stored: Size | None = Field(None, alias="repo-size")
    checksum: Sha1 | None = None
    stored_checksum: Sha1 | None = Field(None, alias="rck")
    bundle: Size = Field(0, alias="bni")
    offset: Size = Field(0, alias="bno")
    block: Size = Field(0, alias="bi")
    block_map: Size = Field(0, alias="bim")
    reference: Label | None = None
    page_sound: bool = Field(True, alias="checksum-page")


class Header(Told):
    """What the sections before the files say of the backup."""

    label: Label = Field(alias="backup-label")
    kind: str = Field(alias="backup-type")
    prior: Label | None = Field(None, alias="backup-prior")
    references: str = Field("", alias="backup-reference")
    bundled: bool = Field(False, alias="backup-bundle")
    block_incremental: bool = Field(False, alias="backup-block-incr")
    wal_start: Segment | None = Field(None, alias="backup-archive-start")
    wal_stop: Segment | None = Field(None, alias="backup-archive-stop")
    lsn_start: Lsn | None = Field(None, alias="backup-lsn-start")
    lsn_stop: Lsn | None = Field(None, alias="backup-lsn-stop")
    system_id: int = Field(alias="db-system-id", ge=0, lt=2**64)
    compression: str = Field("gz", alias="option-compress-type")

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels of the backups whose objects this one reads, itself left out."""
        return tuple(one for one in self.references.split(",") if one and one != self.label)


@dataclass(frozen=True)
class Piece:
    """One file of the database where it is stored: bytes `offset` … `offset + length` of the object `key`.

    `key` is below the repository's path. `sha1` is that of the stored bytes as they are (compressed, encrypted): they
    can be checked without a passphrase. It is empty in old manifests, where only `plain_sha1` of the original is
    known.
    """

    key: str
    owner: str
    """label of the backup that the object belongs to: another one's, where this backup only refers to it"""
    file: str
    offset: int
    length: int
    sha1: str
    plain_size: int
    plain_sha1: str
    bundled: bool
    block_incremental: bool
    pages_sound: bool
