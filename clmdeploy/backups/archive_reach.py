"""How far the log in the archive really goes: what was stored last on each timeline, and how timelines came about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.host_files import JOBS, stanza_on_backup_host
from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.pgbackrest_listing import BLANKS, Entry, read_entries
from clmdeploy.backups.pgbackrest_names import history_timeline, stored_wal
from clmdeploy.backups.point import SegmentName
from clmdeploy.backups.targets import Choice
from clmdeploy.backups.wal import Fork, Segment, read_history
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, refuse_unsuccessful
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value

LISTING = 32 * 1024 * 1024  # bytes of a listing that are told whole
MOST = 100  # timelines that are looked at
_DIRECTORY = re.compile(r"[0-9A-F]{16}", re.ASCII)
_OUTLINE = r"(^|/)[0-9A-F]{16}$|(^|/)[0-9A-F]{22}00-"


class Line(Value):
    """One timeline as the archive has it."""

    timeline: int
    newest: SegmentName | None = Field(None, description="the last of its segments")
    stored: AwareDatetime | None = Field(None, description="when that one was stored")
    after: SegmentName | None = Field(None, description="the first one that was stored after the moment asked for")
    begun: AwareDatetime | None = Field(None, description="when its history was stored")
    history: str = Field("", description="path of that, below the repository's")


class ArchiveFacts(Value):
    """Timelines in the archive, and the histories of those that have one."""

    lines: tuple[Line, ...] = ()
    texts: dict[int, str] = {}

    @property
    def live(self) -> int:
        """The newest timeline that anything was stored of; 0 in an empty archive."""
        return max((line.timeline for line in self.lines), default=0)

    @property
    def histories(self) -> dict[int, tuple[Fork, ...]]:
        """Timeline → where it left those before it. What is damaged is left out: then nothing leads there."""
        found: dict[int, tuple[Fork, ...]] = {}
        for timeline, text in self.texts.items():
            try:
                found[timeline] = read_history(text)
            except InvalidInput:
                continue
        return found

    @property
    def begun(self) -> dict[int, datetime]:
        """Timeline → when it was begun, by when its history was stored."""
        return {line.timeline: line.begun for line in self.lines if line.begun is not None}

    def line(self, timeline: int) -> Line:
        return next((one for one in self.lines if one.timeline == timeline), Line(timeline=timeline))

    def until(self, choice: Choice) -> str:
        """The last segment that recovery must be able to read: of the point, of its backup alone, of what was stored
        after the moment asked for, or of the end. Empty where there is no log.
        """
        wal = choice.base.database.wal
        if wal is None:
            return ""
        if choice.target.kind == "immediate":
            return wal.stop
        line = self.line(choice.target.timeline or choice.base.database.timeline)
        named = (line.after if choice.at is not None else None) or line.newest
        if choice.target.kind not in ("time", "default") or named is None:
            return wal.until.name
        last = Segment.named(named, wal.segment_size)
        return last.name if last.timeline != wal.until.timeline else max(wal.until, last).name

    def history(self, choice: Choice) -> tuple[tuple[int, str], ...]:
        """Of the timeline that recovery follows: the timelines before it, and where they were left."""
        if choice.target.kind not in ("time", "default"):
            return ()
        return tuple((fork.timeline, fork.lsn) for fork in self.histories.get(choice.target.timeline or 0, ()))


class _Listing(Asked):
    stanza: str
    at: AwareDatetime | None = None

    @property
    def engine(self) -> Pgbackrest:
        return stanza_on_backup_host(self.stanza)

    def entries(self, only: str) -> Command:
        listing = self.engine.entries(f"archive/{self.stanza}", recurse=True, only=only)
        return replace(listing, user=JOBS, keep=LISTING, blanks=BLANKS)

    def read(self, completed: Completed) -> dict[str, Entry]:
        refuse_unsuccessful(completed, self.engine.ending(completed), "pgBackRest")
        return read_entries(completed.stdout)


class ArchiveOutline(Repeatable):
    """Asked, never performed: which directories tell of an end, or of a moment.

    An archive of months has too many segments to be told: of each directory of 256 it tells the first.
    """

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Listing.model_validate(arguments).entries(_OUTLINE),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Listing.model_validate(arguments)
        return {"directories": telling(asked.read(completed[0]), asked.at)}


class _Directories(_Listing):
    directories: tuple[Annotated[str, Field(pattern=r"^[0-9A-F]{16}$")], ...] = Field(max_length=4 * MOST)


class ArchiveListing(Repeatable):
    """Asked, never performed: what the archive has of each timeline, by these directories."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Directories.model_validate(arguments)
        return (asked.entries("|".join((r"\.history$", *asked.directories))),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Directories.model_validate(arguments)
        lines = lines_of(asked.read(completed[0]), asked.at, f"archive/{asked.stanza}")
        return {"lines": [line.model_dump(mode="json") for line in lines.values()]}


class _Histories(_Listing):
    paths: tuple[str, ...] = Field(max_length=MOST)


class ArchiveHistories(Repeatable):
    """Asked, never performed: the histories themselves."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Histories.model_validate(arguments)
        return tuple(replace(asked.engine.fetch(path), user=JOBS) for path in asked.paths)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Histories.model_validate(arguments)
        for one in completed:
            refuse_unsuccessful(one, asked.engine.ending(one), "pgBackRest")
        return {"texts": [one.stdout.decode("ascii", "replace") for one in completed]}


def telling(entries: Mapping[str, Entry], at: datetime | None) -> list[str]:
    """Of each timeline the last directory, and those in which the first segment after the moment may lie.

    A timeline's first directory may lack its first segments: it is looked into rather than passed over.
    """
    first: dict[str, int | None] = {}
    newest = max((_number(path) for path in entries), default=0)
    for path, entry in entries.items():
        name, wal = path.rsplit("/", 1)[-1], stored_wal(path.rsplit("/", 1)[-1])
        if _number(path) == newest and (wal is not None or _DIRECTORY.fullmatch(name)):
            directory = name[:16]
            first[directory] = entry.time if wal is not None else first.get(directory)
    found: list[str] = []
    for timeline in sorted({name[:8] for name in first})[-MOST:]:
        names = sorted(name for name in first if name.startswith(timeline))
        found += sorted({names[-1], *(_around(at.timestamp(), names, first) if at is not None else ())})
    return found


def _around(at: float, names: Sequence[str], first: Mapping[str, int | None]) -> Sequence[str]:
    """From the last directory that was begun by then to the first one that was begun later."""
    times = [first[name] for name in names]
    begin = max((place for place, time in enumerate(times) if time is not None and time <= at), default=0)
    end = min((place for place, time in enumerate(times) if time is not None and time > at), default=len(names) - 1)
    return names[begin : max(begin, end) + 1]


def lines_of(entries: Mapping[str, Entry], at: datetime | None, below: str) -> dict[int, Line]:
    """By timeline, from a listing of the archive."""
    lines: dict[int, Line] = {}
    newest = max((_number(path) for path in entries), default=0)  # an upgrade of PostgreSQL begins another archive
    entries = {path: entry for path, entry in entries.items() if _number(path) == newest}
    for path, entry in sorted(entries.items(), key=lambda one: one[0].rsplit("/", 1)[-1]):
        name = path.rsplit("/", 1)[-1]
        wal, begins = stored_wal(name), history_timeline(name)
        stored = datetime.fromtimestamp(entry.time, UTC) if entry.time is not None else None
        if begins is not None:
            line = lines.get(begins, Line(timeline=begins))
            lines[begins] = line.model_copy(update={"begun": stored, "history": f"{below}/{path}"})
        elif wal is not None and not wal.partial and entry.kind == "file":
            line = lines.get(wal.timeline, Line(timeline=wal.timeline))
            first = at is not None and line.after is None and stored is not None and stored > at
            after = wal.segment if first else line.after
            told = {"newest": wal.segment, "stored": stored, "after": after}
            lines[wal.timeline] = line.model_copy(update=told)
    return lines


def _number(path: str) -> int:
    """Of the archive that it lies in: 17-2 is 2; 0 for what lies in none."""
    version, _, number = path.partition("/")[0].partition("-")
    return int(number) if version and number.isdigit() else 0
