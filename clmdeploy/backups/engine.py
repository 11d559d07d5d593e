"""The one interface of all backup engines: builders of commands, readers of what they say.

Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from clmdeploy.backups.command import Command, Completed
from clmdeploy.model.bilingual import Bilingual


class Outcome(StrEnum):
    """What an exit code means for whoever must go on."""

    DONE = "done"
    PARTIAL = "partial"
    """something was stored, something was not: no restore point may be published"""
    HELD = "held"
    """another run holds the engine's own lock"""
    REFUSED = "refused"
    """configuration, key, version: the next run fails too unless somebody acts"""
    UNAVAILABLE = "unavailable"
    """the next run may succeed: storage, network, WAL that did not arrive"""
    MISSING = "missing"
    DAMAGED = "damaged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


_NO_REMEDY = Bilingual("", "")


@dataclass(frozen=True)
class Ending:
    """How a command ended, in words that name the remedy."""

    outcome: Outcome
    words: Bilingual
    remedy: Bilingual = _NO_REMEDY

    @property
    def is_success(self) -> bool:
        return self.outcome is Outcome.DONE


def plain_ending(code: int) -> Ending | None:
    """What every program's exit code says alike: 0 is well, below 0 is a signal. None: the engine's own words count."""
    if code == 0:
        return Ending(Outcome.DONE, Bilingual("done", "выполнено"))
    if code < 0:
        return Ending(Outcome.INTERRUPTED, Bilingual(f"ended by signal {-code}", f"завершено сигналом {-code}"))
    return None


@dataclass(frozen=True)
class Capabilities:
    """What can be promised of an engine's backups."""

    point_in_time: bool
    incremental: bool
    encrypted: bool
    checksummed: bool
    """the engine itself can tell a flipped byte; where not, digests are taken while storing"""
    single_items: bool
    """one table or one path can be restored alone"""


@dataclass(frozen=True)
class Progress:
    """How far a command has come, in bytes; `total` may still grow, and is 0 while it is unknown."""

    done: int
    total: int
    files: int = 0


@dataclass(frozen=True)
class Meter:
    """A rate from two looks at progress: no clock of its own."""

    started: float
    first: Progress

    def rate(self, now: float, progress: Progress) -> float:
        """Bytes a second since the first look; 0 while no time has passed, or after an engine has begun anew."""
        passed = now - self.started
        return max(0.0, (progress.done - self.first.done) / passed) if passed > 0 else 0.0

    def remaining(self, now: float, progress: Progress) -> float | None:
        """Seconds until the end at this rate; None where that can't be told."""
        rate = self.rate(now, progress)
        return max(0.0, (progress.total - progress.done) / rate) if rate > 0 and progress.total else None


@dataclass(frozen=True)
class Finding:
    """Something wrong with what is stored.

    `backup` is a label or snapshot, `item` an object or file; either may be empty.
    """

    words: Bilingual
    backup: str = ""
    item: str = ""


BackupOrder = TypeVar("BackupOrder", contravariant=True)
RestoreOrder = TypeVar("RestoreOrder", contravariant=True)
Stored = TypeVar("Stored", covariant=True)


class Engine(Protocol[BackupOrder, RestoreOrder, Stored]):
    """What planners know of an engine. Readers raise `output.Unintelligible` for what they can't believe."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def version(self) -> Command: ...

    def read_version(self, said: bytes) -> tuple[int, ...]: ...

    def preflight(self) -> tuple[Command, ...]:
        """Commands that succeed where a backup may begin; the first that fails tells why not."""

    def backup(self, order: BackupOrder) -> Command: ...

    def progress(self, line: bytes) -> Progress | None:
        """From a line of a running backup's or restore's output; None where it tells of something else."""

    def listing(self) -> Command: ...

    def read_listing(self, said: bytes) -> tuple[Stored, ...]:
        """Oldest first."""

    def verify(self, only: str = "") -> Command:
        """Everything, or one backup; raises InvalidInput where the engine must be told which."""

    def findings(self, completed: Completed) -> tuple[Finding, ...]:
        """Of `verify`: exit codes alone are not to be believed."""

    def restore(self, order: RestoreOrder) -> Command: ...

    def expire(self, names: Sequence[str], /) -> tuple[Command, ...]:
        """In an order in which no backup goes before one that needs it."""

    def ending(self, completed: Completed) -> Ending: ...
