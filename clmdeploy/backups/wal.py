"""Names of WAL segments and what is missing between them. Pure.

A name is 24 hexadecimal digits: timeline, and the number of the segment in two parts (PostgreSQL's XLogFileName in
access/xlog_internal.h). With segments of 16 MiB the last part counts to FF, with others further or less far.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from clmdeploy.model.errors import InvalidInput

SEGMENT_SIZE = 16 * 1024**2
_SMALLEST, _LARGEST = 1024**2, 1024**3  # what `initdb --wal-segsize` takes, in bytes
_NAME = re.compile(r"[0-9A-F]{24}", re.ASCII)
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.ASCII)


@dataclass(frozen=True, order=True)
class Segment:
    """One WAL segment; `number` counts from the beginning of the cluster, across timelines."""

    timeline: int
    number: int
    size: int = SEGMENT_SIZE

    @classmethod
    def named(cls, name: str, size: int = SEGMENT_SIZE) -> Self:
        """The segment of that name. Raises InvalidInput for any other file, a `.partial` or `.history` among them."""
        if not is_segment_size(size):
            raise InvalidInput(f"{size} bytes is no size of WAL segments: a power of two from 1 MiB to 1 GiB is")
        if not is_segment(name):
            raise InvalidInput(f"{name[:80]!r} is not the name of a WAL segment")
        timeline, high, low = (int(name[at : at + 8], 16) for at in (0, 8, 16))
        if low >= _in_a_file(size):
            raise InvalidInput(f"{name} can't be a WAL segment of {size} bytes", "the cluster's segments are smaller")
        return cls(timeline, high * _in_a_file(size) + low, size)

    @classmethod
    def ending_at(cls, timeline: int, lsn: str, size: int = SEGMENT_SIZE) -> Self:
        """The segment that holds the last byte before `lsn`: what must be there to reach it.

        A position on the very edge belongs to the segment before it (XLByteToPrevSeg).
        """
        return cls(timeline, max(0, position(lsn) - 1) // size, size)

    @property
    def name(self) -> str:
        high, low = divmod(self.number, _in_a_file(self.size))
        return f"{self.timeline:08X}{high:08X}{low:08X}"


@dataclass(frozen=True)
class Fork:
    """A line of a timeline's history: up to `lsn` the cluster followed `timeline`."""

    timeline: int
    lsn: str


@dataclass(frozen=True)
class Gap:
    """Segments in a row, on one timeline, that are not there."""

    first: Segment
    last: Segment

    @property
    def count(self) -> int:
        return self.last.number - self.first.number + 1

    def __str__(self) -> str:
        return self.first.name if self.count == 1 else f"{self.first.name}–{self.last.name} ({self.count})"


def is_segment(name: str) -> bool:
    """Whether this is a whole segment's name: those that end in .partial, .backup or .history are none."""
    return _NAME.fullmatch(name) is not None


def is_segment_size(size: int) -> bool:
    """Whether PostgreSQL takes this size, in bytes."""
    return _SMALLEST <= size <= _LARGEST and size & (size - 1) == 0


def is_lsn(text: str) -> bool:
    """Whether this is a log sequence number as PostgreSQL writes it, like 1A/2B000028."""
    return _LSN.fullmatch(text) is not None


def position(lsn: str) -> int:
    """Bytes since the beginning of the log. Raises InvalidInput when `lsn` is none."""
    match = _LSN.fullmatch(lsn)
    if match is None:
        raise InvalidInput(f"{lsn[:40]!r} is not a log sequence number like 1A/2B000028")
    return int(match.group(1), 16) << 32 | int(match.group(2), 16)


def read_history(text: str) -> tuple[Fork, ...]:
    """The forks in a `.history` file, oldest first: lines `TIMELINE LSN REASON`. Raises InvalidInput for others."""
    forks = []
    for line in text.splitlines():
        words = line.partition("#")[0].split(None, 2)
        if not words:
            continue
        if len(words) < 2 or not (words[0].isascii() and words[0].isdigit()) or not is_lsn(words[1]):
            raise InvalidInput(f"{line[:80]!r} is no line of a timeline's history")
        forks.append(Fork(int(words[0]), words[1]))
    return tuple(forks)


def needed(start: Segment, until: Segment, history: Iterable[Fork] = ()) -> Iterator[Segment]:
    """The segments that recovery reads from `start` to `until`, whose timeline has that history.

    The segment in which a timeline forks is read from the newer one, which begins with a copy of it. Raises
    InvalidInput when the timeline of `until` does not come from that of `start` at a later place.
    """
    number, timeline = start.number, start.timeline
    forks = [*history, Fork(until.timeline, "")]
    if timeline not in [fork.timeline for fork in forks]:
        raise InvalidInput(f"timeline {until.timeline} does not come from timeline {timeline}")
    for fork in forks[[fork.timeline for fork in forks].index(timeline) :]:
        end = position(fork.lsn) // start.size if fork.lsn else until.number + 1
        if end < number:
            raise InvalidInput(f"timeline {fork.timeline} was left before {start.name}")
        for each in range(number, end):
            yield Segment(fork.timeline, each, start.size)
        number = end


def gaps(wanted: Iterable[Segment], present: Collection[str]) -> tuple[Gap, ...]:
    """What of `wanted` (in rising order on each timeline) is not among the names `present`, in rows."""
    found: list[Gap] = []
    for segment in wanted:
        if segment.name in present:
            continue
        if found and (found[-1].last.timeline, found[-1].last.number + 1) == (segment.timeline, segment.number):
            found[-1] = Gap(found[-1].first, segment)
        else:
            found.append(Gap(segment, segment))
    return tuple(found)


def holes(names: Iterable[str], size: int = SEGMENT_SIZE) -> tuple[Gap, ...]:
    """What lacks between the oldest and the newest segment of each timeline; other files' names are passed over.

    Takes as long as there are segments, not as long as the gaps are.
    """
    present = sorted(Segment.named(name, size) for name in set(names) if is_segment(name))
    return tuple(
        Gap(Segment(one.timeline, one.number + 1, size), Segment(one.timeline, other.number - 1, size))
        for one, other in pairwise(present)
        if one.timeline == other.timeline and other.number > one.number + 1
    )


def _in_a_file(size: int) -> int:
    """Segments to one step of the middle part of the name."""
    return 0x1_0000_0000 // size
