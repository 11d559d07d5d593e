"""Lines of pgBackRest's log, told to stderr without time and process (`LEVEL: [code]: message`).

There is no JSON log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.backups.engine import Progress
from clmdeploy.backups.pgbackrest_names import label, segment

_LINE = re.compile(r"(?:P\d{2,3} +)?(ERROR|WARN|INFO|DETAIL): (?:\[(\d{3})\]: )?(\[DRY-RUN\] )?(.*)", re.DOTALL)
_COPIED = re.compile(
    r"(?:backup|store truncated|match|checksum resumed|restore|restore zeroed) file .*"
    r"\((?:bundle \d+/\d+, )?(?:[\d.]+[KMG]?B->)?[\d.]+[KMG]?B, (\d{1,3}\.\d{2})%\)(?: checksum [0-9a-f]{40})?",
    re.DOTALL,
)
_EXPIRED = re.compile(r"repo\d+: expire \S+ backup (?:set )?(.+)")
_WAL = re.compile(r"repo\d+: (\S+) remove archive, start = (\w+), stop = (\w+)")
_NEW = re.compile(r"new backup label = (\S+)")


@dataclass(frozen=True)
class Line:
    """One line; `code` is that of an error."""

    level: str
    message: str
    code: int | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class RemovedWal:
    """WAL that an expiry removes, both ends included."""

    archive: str
    first: str
    last: str


def read_line(raw: bytes) -> Line | None:
    """None for what continues the line before it, or is not the log's."""
    match = _LINE.fullmatch(raw.decode("utf-8", "surrogateescape").rstrip("\r\n"))
    return Line(match[1], match[4], int(match[2]) if match[2] else None, bool(match[3])) if match else None


def share(raw: bytes) -> float | None:
    """How much of the whole a line of a running backup or restore tells to be done, between 0 and 1."""
    line = read_line(raw)
    match = _COPIED.fullmatch(line.message) if line and line.level == "DETAIL" else None
    return min(1.0, float(match[1]) / 100) if match else None


def progress_of(raw: bytes, total: int) -> Progress | None:
    """The same in bytes, of `total`, which the log does not tell (info's lock does, exactly)."""
    done = share(raw)
    return Progress(int(total * done), total) if done is not None else None


def new_label(raw: bytes) -> str | None:
    """The label under which a backup was just completed. Raises ValueError where that is none."""
    line = read_line(raw)
    match = _NEW.fullmatch(line.message) if line else None
    return label(match[1]) if match else None


def expired(raw: bytes) -> tuple[str, ...]:
    """Labels that an expiry (or its dry run) names in this line. Raises ValueError for what is no label."""
    line = read_line(raw)
    match = _EXPIRED.fullmatch(line.message) if line else None
    return tuple(label(one) for one in match[1].split(", ")) if match else ()


def removed_wal(raw: bytes) -> RemovedWal | None:
    """WAL that an expiry (or its dry run) names in this line. Raises ValueError for what is no segment."""
    line = read_line(raw)
    match = _WAL.fullmatch(line.message) if line else None
    return RemovedWal(match[1], segment(match[2]), segment(match[3])) if match else None
