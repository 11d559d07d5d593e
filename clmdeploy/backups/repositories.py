"""What the engines' repositories hold, who owns it and what stands on what; what may be dropped from them. Pure.

An engine that drops a backup drops all that stands on it too (pgBackRest's `expire --set` does). So what stands on
something is counted with what it needs, whoever made it, and what nobody here knows is left alone with its bases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from pydantic import Field

from clmdeploy.backups.point import DatabasePart, Holding, RestorePoint, StoredName
from clmdeploy.model.value import Value


class Listed(Value):
    """One backup or snapshot as its engine lists it."""

    holding: Holding
    references: tuple[StoredName, ...] = Field(
        (), description="names of all it can't do without, the one made before it included"
    )
    point: str | None = Field(None, description="ID of the point that it was made for, as noted on it")

    @property
    def bases(self) -> tuple[Holding, ...]:
        return tuple(self.holding.model_copy(update={"name": name}) for name in self.references)


class LogKept(Value):
    """How much log one repository keeps: from the start of the oldest of this many newest full backups."""

    repository: str
    fulls: int = Field(ge=1)
    full: StoredName = Field(description="label of the oldest of these")
    oldest: dict[str, str] = Field(description="system identifier → oldest segment that a kept point needs")


class Drops(Value):
    """What the engines are told, in this order: what stands on others goes before them."""

    holdings: tuple[Holding, ...] = ()
    logs: tuple[LogKept, ...] = Field((), description="of a repository that is not named here, no log is dropped")

    def of(self, engine: str) -> tuple[Holding, ...]:
        """Those of one engine."""
        return tuple(one for one in self.holdings if one.engine == engine)


@dataclass(frozen=True)
class Repositories:
    """All repositories of an environment, with the points that own what is in them."""

    listed: tuple[Listed, ...]
    points: tuple[RestorePoint, ...]
    """all that the catalogue knows, those on their way out included"""
    cut_off: frozenset[str] = frozenset()
    """IDs under which a backup was begun that ended without a point, by the journal"""

    @cached_property
    def present(self) -> frozenset[Holding]:
        return frozenset(one.holding for one in self.listed)

    @cached_property
    def owners(self) -> dict[Holding, frozenset[str]]:
        """IDs of the points that a thing was stored for."""
        found: defaultdict[Holding, set[str]] = defaultdict(set)
        for point in self.points:
            for holding in point.own:
                found[holding].add(point.id)
        return {holding: frozenset(names) for holding, names in found.items()}

    @cached_property
    def strangers(self) -> tuple[Listed, ...]:
        """What no point owns: made by hand, or for a point that the catalogue lost. Never dropped."""
        return tuple(one for one in self.listed if one.holding not in self.owners and one.point not in self.cut_off)

    def closure(self, holdings: Iterable[Holding]) -> frozenset[Holding]:
        """These, and everything that they stand on."""
        reached: set[Holding] = set()
        ahead = list(holdings)
        while ahead:
            holding = ahead.pop()
            if holding not in reached:
                reached.add(holding)
                ahead.extend(self._bases.get(holding, ()))
        return frozenset(reached)

    def drops(self, kept: Iterable[RestorePoint]) -> tuple[Holding, ...]:
        """What may be dropped when these points stay."""
        needed = self.closure(holding for point in kept for holding in point.needs)
        held = needed | self.closure(one.holding for one in self.strangers)
        leaving = (one.holding for one in self.listed if one.holding not in held)
        return tuple(sorted(set(leaving), key=lambda one: (-len(self.closure([one])), str(one))))

    def logs(self, reaching: Sequence[DatabasePart], dropped: Set[Holding]) -> Iterator[LogKept]:
        """How much log stays for those from which any later moment is to be reached.

        A repository where that can't be told, since a full backup is not listed, is left out.
        """
        for repository in sorted({part.repository for part in reaching if part.wal}):
            parts = [part for part in reaching if part.wal and part.repository == repository]
            fulls = self._fulls(repository, dropped)
            if all(part.full in fulls for part in parts):
                count = 1 + max(fulls.index(part.full) for part in parts)
                yield LogKept(repository=repository, fulls=count, full=fulls[count - 1], oldest=_oldest(parts))

    def _fulls(self, repository: str, dropped: Set[Holding]) -> list[str]:
        """Labels of the full backups that stay, newest first: labels begin with their time."""
        of_it = [
            one for one in self.listed if (one.holding.engine, one.holding.repository) == ("pgbackrest", repository)
        ]
        return sorted({one.holding.name for one in of_it if not one.references and one.holding not in dropped})[::-1]

    @cached_property
    def _bases(self) -> dict[Holding, set[Holding]]:
        """By the engines and by the manifests: what either names is needed."""
        found: defaultdict[Holding, set[Holding]] = defaultdict(set)
        for one in self.listed:
            found[one.holding].update(one.bases)
        for point in self.points:
            found[point.database.holding].update(point.database.needs[1:])
        return dict(found)


def _oldest(parts: Iterable[DatabasePart]) -> dict[str, str]:
    """Names of segments sort by timeline first, so that this holds across timelines of one cluster."""
    found: dict[str, str] = {}
    for part in parts:
        if part.wal:
            found[part.system_id] = min(part.wal.start, found.get(part.system_id, part.wal.start))
    return found
