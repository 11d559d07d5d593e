"""One fault of a configuration file, as the administrator reads it: `FILE:LINE: KEY.PATH: cause`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where as closely as it is known. `line` counts from 1; 0: the file as a whole."""

    source: Path
    cause: str
    key: KeyPath = ()
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else str(self.source)
        return f"{place}: {dotted(self.key)}: {self.cause}" if self.key else f"{place}: {self.cause}"


def dotted(key: KeyPath) -> str:
    """A key path for people: `balancer.backends.app`, `hosts[2]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion `; did you mean 'x'?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def told_once(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults file by file and line by line, one for each key: what follows from a first fault is left out."""
    first: dict[tuple[Path, KeyPath | str], Fault] = {}
    for fault in faults:
        first.setdefault((fault.source, fault.key or fault.cause), fault)
    files = {fault.source: order for order, fault in reversed(list(enumerate(first.values())))}
    return tuple(sorted(first.values(), key=lambda fault: (files[fault.source], fault.line)))
