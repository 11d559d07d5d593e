"""The ports: what the core needs of the world. Adapters implement them, contract suites hold the fakes to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.errors import ClmError, ExitCode, InvalidInput
from clmdeploy.model.secret import Secret

MEBIBYTE = 1024**2


class Missing(ClmError):
    """The storage has no object under this key."""

    exit_code = ExitCode.INVALID


class Oversized(InvalidInput):
    """An object is larger than anything that this tool writes under its key: somebody else has."""


@dataclass(frozen=True)
class Stored:
    """An object as it was read; `etag` names exactly these bytes until the next write."""

    body: bytes
    etag: str
    modified: datetime | None = None
    """when it was written, by the storage's clock, where it tells; for people"""


class ObjectStore(Protocol):
    """One bucket. All methods raise StoreUnavailable when the storage does not answer or refuses the keys."""

    @property
    def conditional_writes(self) -> bool:
        """Whether `only_if_absent` and `only_if_etag` are kept by this storage."""

    def get(self, key: str, limit: int = 16 * MEBIBYTE) -> Stored:
        """Read an object. Raises Missing if there is none, Oversized if it is larger than `limit` bytes."""

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        """Write an object and return its etag. Raises Conflict when a condition does not hold.

        After a lost answer the write may have happened: a body that is already there counts as this write, so
        writers that compete must put a nonce into their bodies.
        """

    def upload(self, key: str, path: Path) -> None:
        """Write a file's bytes, streamed."""

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file, streamed; the file appears whole or not at all. Raises Missing."""

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that start with `prefix`, in rising order of code points."""

    def presign(self, key: str, seconds: int) -> Secret:
        """A URL that reads this one object, without keys, for `seconds`."""


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def now(self) -> datetime:
        """The wall clock in UTC, with its zone; for people."""

    def monotonic(self) -> float:
        """Seconds that only grow, also while the machine sleeps; for durations and expiry."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class OutcomeListener(Protocol):
    """Hears each outcome as it comes, before the whole call ends. May be called from several threads."""

    def __call__(self, key: str, outcome: Outcome) -> None: ...


class Performer(Protocol):
    """Carries out guarded acts. What goes wrong on a host is that host's outcome, never an exception."""

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """Outcomes by `Guarded.key`. Hosts act in parallel, the acts of one host in the order given."""
