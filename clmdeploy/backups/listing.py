"""What a catalogue finds: points with their standing, and the index that makes finding them one read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field

from clmdeploy.backups.point import PointId, RestorePoint, is_point_id
from clmdeploy.backups.standing import Standing
from clmdeploy.model.value import Text, Value


class Entry(Value):
    """A point, the principal who signed it, and what stands beside it now. `etag`: of that, for whoever changes it."""

    point: RestorePoint
    principal: str
    standing: Standing | None = None
    etag: str | None = None

    @property
    def is_pinned(self) -> bool:
        return self.standing is not None and self.standing.is_pinned

    @property
    def is_going(self) -> bool:
        """Whether its removal has begun: it is no restore point any more."""
        return self.standing is not None and self.standing.is_going

    @property
    def bare(self) -> Entry:
        """Without what may change."""
        return Entry(point=self.point, principal=self.principal)


class Index(Value):
    """All manifests of an environment once more, and which points are known to be gone."""

    format: Literal["point-index/1"] = "point-index/1"
    environment_id: str
    entries: tuple[Entry, ...] = ()
    removed: tuple[PointId, ...] = Field((), description="the word of it was believed when this was written")


class Listing(Value):
    """Newest first. With faults it is what could be read, and no ground for removing anything."""

    points: tuple[Entry, ...] = ()
    going: tuple[Entry, ...] = ()
    """their removal has begun and is not over"""
    faults: tuple[Text, ...] = ()
    removed: tuple[str, ...] = ()
    """IDs of points that there were; nothing is kept for them any more"""

    @classmethod
    def of(cls, found: Iterable[Found], lost: Sequence[str], removed: Iterable[str]) -> Self:
        """From what became of each point, what is not even there any more, and what was removed."""
        every = list(found)
        entries = sorted((one.entry for one in every if one.entry), key=lambda entry: entry.point.id, reverse=True)
        return cls(
            points=tuple(entry for entry in entries if not entry.is_going),
            going=tuple(entry for entry in entries if entry.is_going),
            faults=(*(one.fault for one in every if one.fault), *lost),
            removed=tuple(sorted(removed)),
        )


@dataclass(frozen=True)
class Found:
    """One point as it was found: readable, or why not."""

    id: str
    entry: Entry | None = None
    fault: str = ""


@dataclass(frozen=True)
class Names:
    """Which objects there are, by the IDs of points."""

    manifests: frozenset[str]
    standing: frozenset[str]
    removed: frozenset[str]

    @classmethod
    def of(cls, keys: Iterable[str], prefix: str) -> Self:
        """Other objects than points' are passed over."""
        by_kind: dict[str, set[str]] = {"json": set(), "standing": set(), "removed": set()}
        for key in keys:
            point_id, _, kind = key.removeprefix(prefix).partition(".")
            if is_point_id(point_id) and kind in by_kind:
                by_kind[kind].add(point_id)
        return cls(*(frozenset(by_kind[kind]) for kind in ("json", "standing", "removed")))

    @property
    def living(self) -> list[str]:
        """IDs of the points that nobody calls removed, oldest first, whether or not that is to be believed."""
        return sorted(self.manifests - self.removed)
