"""Names in a pgBackRest repository: backups, WAL segments, positions in the WAL.

They become paths, so they are checked first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from clmdeploy.backups import wal

LABEL = re.compile(r"\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?", re.ASCII)
STANZA = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
ARCHIVE = re.compile(r"\d{1,3}(?:\.\d{1,2})?-\d{1,9}", re.ASCII)
_STORED = re.compile(r"([0-9A-F]{24})(\.partial)?-([0-9a-f]{40})(\.gz|\.lz4|\.zst|\.bz2)?", re.ASCII)
_HISTORY = re.compile(r"([0-9A-F]{8})\.history", re.ASCII)


def label(text: str) -> str:
    """A backup's label. Raises ValueError."""
    return _checked(LABEL.fullmatch(text), text, "a backup label")


def segment(text: str) -> str:
    """24 upper-case hexadecimal digits: timeline, log, segment. Raises ValueError."""
    return _checked(wal.is_segment(text), text, "a WAL segment")


def lsn(text: str) -> str:
    """HIGH/LOW in upper-case hexadecimal digits. Raises ValueError."""
    return _checked(wal.is_lsn(text), text, "a WAL position (LSN)")


def archive(text: str) -> str:
    """VERSION-ID, as in 17-1. Raises ValueError."""
    return _checked(ARCHIVE.fullmatch(text), text, "an archive")


def stanza(text: str) -> str:
    """Raises ValueError for what would not be the same name in a path, an option and a certificate."""
    return _checked(STANZA.fullmatch(text), text, "a stanza")


def _checked(fits: object, text: str, what: str) -> str:
    if not fits:
        raise ValueError(f"{text[:80]!r} is not the name of {what}")
    return text


Label = Annotated[str, AfterValidator(label)]
Segment = Annotated[str, AfterValidator(segment)]
Lsn = Annotated[str, AfterValidator(lsn)]
Archive = Annotated[str, AfterValidator(archive)]
Stanza = Annotated[str, AfterValidator(stanza)]


def position(text: str) -> int:
    """An LSN as a count of bytes, to compare and subtract. Raises ValueError."""
    return wal.position(lsn(text))


@dataclass(frozen=True)
class StoredWal:
    """A WAL file of the archive as its object is called; `sha1` is that of the plain content."""

    segment: str
    sha1: str
    compression: str = ""
    partial: bool = False

    @property
    def timeline(self) -> int:
        return int(self.segment[:8], 16)

    def key(self, stanza_name: str, archive_id: str) -> str:
        """Below the repository's path."""
        name = f"{self.segment}{'.partial' if self.partial else ''}-{self.sha1}{self.compression}"
        return f"archive/{stanza_name}/{archive_id}/{self.segment[:16]}/{name}"


def stored_wal(name: str) -> StoredWal | None:
    """From the last part of an object's key; None for anything else (histories, backup labels, archive.info)."""
    match = _STORED.fullmatch(name)
    return StoredWal(match[1], match[3], match[4] or "", bool(match[2])) if match else None


def history_timeline(name: str) -> int | None:
    """The timeline whose beginning a history file tells; None where it is not one."""
    match = _HISTORY.fullmatch(name)
    return int(match[1], 16) if match else None
