"""What `pg_restore --list` says of a dump: from its `toc.dat` alone, so it proves nothing of the data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.backups.output import DOCUMENT_LIMIT, lines, shown, too_large, unintelligible

SOURCE = "pg_restore --list"
_ITEM = re.compile(r"(\d{1,10}); (\d{1,10}) (\d{1,10}) (.+)")
_HEADER = re.compile(r";\s{2,}(?:(Format|Compression|Dumped from database version|Dumped by pg_dump version): (.+))")
_DATA = "TABLE DATA "
_MEMBER = re.compile(
    r"toc\.dat|\d{1,10}\.dat(?:\.zst)?|blobs_\d{1,10}\.toc|blobs\.toc|blob_\d{1,10}\.dat(?:\.zst)?", re.ASCII
)


@dataclass(frozen=True)
class Item:
    """One entry; `tag` is kind, schema, name and owner as pg_restore writes them: names with blanks can't be told
    apart.
    """

    dump_id: int
    tag: str

    @property
    def has_data(self) -> bool:
        return self.tag.startswith(_DATA)

    @property
    def member(self) -> str:
        """The file with a table's data."""
        return f"{self.dump_id}.dat.zst"


@dataclass(frozen=True)
class Listing:
    """`header` has Format, Compression and both versions, as far as they are told."""

    header: dict[str, str]
    items: tuple[Item, ...]

    def data_of(self, schema: str, table: str) -> Item:
        """Raises LookupError where there is none, or where blanks in names leave several."""
        start = f"{_DATA}{schema} {table} "
        found = [item for item in self.items if item.tag.startswith(start)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} tables {schema}.{table} in this dump")
        return found[0]


def read_listing(said: bytes) -> Listing:
    """Raises Unintelligible for what is no listing, an empty one included."""
    if len(said) > DOCUMENT_LIMIT:
        raise too_large(SOURCE, DOCUMENT_LIMIT)
    header: dict[str, str] = {}
    items = []
    for raw in lines([said], SOURCE):
        line = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        if line.startswith(";") or not line:
            told = _HEADER.fullmatch(line)
            header |= {told[1]: told[2]} if told else {}
            continue
        match = _ITEM.fullmatch(line)
        if match is None:
            raise unintelligible(SOURCE, shown(raw))
        items.append(Item(int(match[1]), match[4]))
    if not header:
        raise unintelligible(SOURCE, "no header")
    return Listing(header, tuple(items))


def is_member(name: str) -> bool:
    """Whether a file of a dump's directory is one that pg_dump writes there."""
    return _MEMBER.fullmatch(name) is not None
