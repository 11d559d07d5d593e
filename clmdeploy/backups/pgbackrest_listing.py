"""What `pgbackrest repo-ls --output=json` says of a path of the repository."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, TypeAdapter

from clmdeploy.backups.output import Told, document
from clmdeploy.backups.pgbackrest_names import StoredWal, stored_wal

SOURCE = "pgbackrest repo-ls"
BLANKS = r'(?<=-)[0-9a-f]{40}|(?<="size":)[0-9]+'
"""of a listing of segments, what only a check of their content needs: so that 200,000 of them can be told"""


class Entry(Told):
    """One entry; paths have neither size nor time."""

    kind: Literal["file", "path", "link", "special"] = Field(alias="type")
    size: int | None = Field(None, ge=0)
    time: int | None = None
    version: str | None = None


_ENTRIES = TypeAdapter(dict[str, Entry])


def read_entries(said: bytes) -> dict[str, Entry]:
    """By name relative to the path.

    Empty where the path does not exist: the engine tells these apart no more than S3 does.
    """
    entries = document(_ENTRIES, said, SOURCE)
    return {name: entry for name, entry in entries.items() if name != "."}


def wal_in(entries: dict[str, Entry]) -> tuple[StoredWal, ...]:
    """Segments of an archive's listing in order of their names; everything else in there is left aside."""
    found = (stored_wal(name.rsplit("/", 1)[-1]) for name, entry in entries.items() if entry.kind == "file")
    return tuple(sorted((wal for wal in found if wal), key=lambda wal: (wal.segment, wal.sha1)))
