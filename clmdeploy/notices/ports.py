"""The ports by which a notice leaves. Owned here and not by `changes`: the core itself tells nobody anything.

Adapters implement them; tests/contract holds the fakes to real servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import Field

from clmdeploy.model.value import Value
from clmdeploy.notices.notice import Notice

MOST_KEPT = 100  # notices in an outbox


@dataclass(frozen=True)
class Receipt:
    """What a channel says of each recipient; refused and postponed with the reason."""

    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """for good: to try again would change nothing"""
    postponed: Mapping[str, str] = field(default_factory=dict)
    """worth another try"""

    @classmethod
    def later(cls, recipients: Sequence[str], reason: str) -> Receipt:
        """Nothing could be handed over."""
        return cls(postponed=dict.fromkeys(recipients, reason))


class Channel(Protocol):
    """One way to people."""

    @property
    def name(self) -> str:
        """`mail`, `command`."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom the settings name."""

    def send(self, notice: Notice, recipients: Sequence[str]) -> Receipt:
        """Hand `notice` over, within the channel's time limit. What goes wrong is in the receipt, never raised.

        Each of `recipients` stands in exactly one of the receipt's three parts. A notice may come twice after a lost
        answer: its `id` tells.
        """

    def check(self) -> str:
        """What would keep a notice from somebody now, as far as that shows without sending one; empty: nothing."""


class Kept(Value):
    """A notice that waits for another try. Times are seconds since 1970 by this machine's own clock."""

    notice: Notice
    waiting: Mapping[str, tuple[str, ...]]
    """channel → recipients who don't have it yet"""
    tries: int = Field(1, ge=1)
    since: float
    not_before: float


class Outbox(Protocol):
    """Where this account keeps, on this machine, what it could not hand over. One for each environment.

    All methods raise InvalidInput when the place can't be used.
    """

    def mine(self) -> AbstractContextManager[bool]:
        """Whether this process alone may now send what is kept; other processes are not waited for."""

    def keep(self, kept: Kept) -> Sequence[Notice]:
        """Store it; one with the same notice is replaced. When there are too many, the oldest go: those it returns."""

    def drop(self, notice: str) -> None:
        """Forget the notice with this ID."""

    def kept(self) -> Sequence[Kept]:
        """All of them, oldest first."""

    def was_told(self, key: str) -> bool:
        """Whether `remember` was called with this key."""

    def remember(self, key: str) -> None:
        """From now on `key` was told."""

    def forget(self, key: str) -> None:
        """It was not, after all."""


class Lookout(Protocol):
    """Outlives this process, and tells what was last expected when it is gone without having dismissed it."""

    def expect(self, notice: Notice) -> None:
        """From now on this is what to tell."""

    def dismiss(self) -> None:
        """Nothing is left to tell. Returns when the lookout is gone."""
