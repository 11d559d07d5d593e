"""A channel and an outbox in memory: what planners and the face are tested with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import MOST_KEPT, Kept, Receipt


@dataclass
class MemoryChannel:
    """A Channel. Recipients in `refusing` are refused for good; while `down` says why, nothing gets through."""

    recipients: tuple[str, ...] = ("duty@example.com",)
    refusing: frozenset[str] = frozenset()
    down: str = ""
    name: str = "mail"
    sent: list[tuple[Notice, tuple[str, ...]]] = field(default_factory=list)

    def send(self, notice: Notice, recipients: Sequence[str]) -> Receipt:
        if self.down:
            return Receipt.later(recipients, self.down)
        accepted = tuple(one for one in recipients if one not in self.refusing)
        if accepted:
            self.sent.append((notice, accepted))
        return Receipt(accepted, {one: "refused" for one in recipients if one in self.refusing})

    def check(self) -> str:
        return self.down or "; ".join(f"{one}: refused" for one in self.recipients if one in self.refusing)

    @property
    def notices(self) -> list[Notice]:
        """What came through, oldest first."""
        return [notice for notice, _ in self.sent]


@dataclass
class MemoryOutbox:
    """An Outbox."""

    waiting: dict[str, Kept] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @contextmanager
    def mine(self) -> Iterator[bool]:
        yield True

    def keep(self, kept: Kept) -> Sequence[Notice]:
        self.waiting[kept.notice.id] = kept
        return [self.waiting.pop(one.notice.id).notice for one in self.kept()[:-MOST_KEPT]]

    def drop(self, notice: str) -> None:
        self.waiting.pop(notice, None)

    def kept(self) -> Sequence[Kept]:
        return sorted(self.waiting.values(), key=lambda one: one.since)

    def was_told(self, key: str) -> bool:
        return key in self.told

    def remember(self, key: str) -> None:
        self.told.append(key)

    def forget(self, key: str) -> None:
        self.told = [one for one in self.told if one != key]


@dataclass
class MemoryLookout:
    """A Lookout that remembers what it would tell."""

    expected: Notice | None = None
    dismissed: bool = False

    def expect(self, notice: Notice) -> None:
        self.expected = notice

    def dismiss(self) -> None:
        self.dismissed = True
