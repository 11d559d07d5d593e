"""The race: contenders take turns on the same hosts, so that what disturbs one disturbs the others as much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Protocol

Tell = Callable[[str], None]


class Contender(Protocol):
    """Something that deploys. Each run gets a version that its hosts have never had."""

    name: str

    def prepare(self, version: str) -> None:
        """Make the bundle of `version`; not part of what is measured."""

    def deploy(self, version: str, size: int) -> float:
        """Deploy to the first `size` hosts; seconds."""


@dataclass(frozen=True)
class Entry:
    """A contender and how often it runs on each number of hosts."""

    contender: Contender
    rounds: int


@dataclass
class Results:
    """Seconds by (name of the contender, number of hosts), in the order of the runs."""

    runs: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    cut_short: bool = False

    def seconds(self, name: str, size: int) -> float:
        """The median. Raises KeyError for what never ran."""
        return median(self.runs[name, size])


def run_race(entries: Sequence[Entry], sizes: Sequence[int], deadline: float, tell: Tell) -> Results:
    """Let everybody run. After `deadline` (monotonic) only what has not run once is still run; the results say so."""
    results, numbers = Results(), count(1)
    for round_number, size, entry in _schedule(entries, sizes):
        key = (entry.contender.name, size)
        if key in results.runs and time.monotonic() > deadline:
            results.cut_short = True
            continue
        version = f"1.{next(numbers)}.0"
        entry.contender.prepare(version)
        took = entry.contender.deploy(version, size)
        results.runs.setdefault(key, []).append(took)
        tell(f"round {round_number}: {entry.contender.name} to {size} hosts: {took:.1f} s")
    return results


def _schedule(entries: Sequence[Entry], sizes: Sequence[int]) -> Iterator[tuple[int, int, Entry]]:
    for round_number in range(1, max(entry.rounds for entry in entries) + 1):
        for size in sorted(sizes, reverse=True):
            for entry in entries:
                if round_number <= entry.rounds:
                    yield round_number, size, entry
