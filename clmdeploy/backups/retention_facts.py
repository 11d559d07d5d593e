"""What bears upon which restore points stay: gathered by queries, judged by `retention`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property

from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.repositories import Listed, Repositories
from clmdeploy.backups.standing import Standing


@dataclass(frozen=True)
class Candidate:
    """A point as it is known now."""

    point: RestorePoint
    verified: datetime | None = None
    """when all of it was last read back well; None: never, or not any more"""
    spoiled: bool = False
    """a part of it was found damaged or missing"""
    standing: Standing | None = None

    @property
    def keeps_log(self) -> bool:
        """Whether any moment after it is to be reached from it: not when it is pinned with its own log alone."""
        return self.standing is None or self.standing.mode != "standalone"


@dataclass(frozen=True)
class Facts:
    """All that bears upon a decision, gathered under the data lease."""

    now: datetime
    zone: tzinfo
    """of the people here: their days, weeks and months are meant"""
    candidates: tuple[Candidate, ...]
    listed: tuple[Listed, ...]
    """everything that the repositories hold, by the engines' own listing"""
    going: tuple[RestorePoint, ...] = ()
    """points whose removal was begun and cut off"""
    cut_off: frozenset[str] = frozenset()
    """IDs under which a backup was begun that ended without a point, by the journal"""
    changes: Mapping[str, str] = field(default_factory=dict)
    """point → open change that needs it"""
    ways_back: Mapping[str, str] = field(default_factory=dict)
    """point → release to which a rollback would need it"""
    running: str = ""
    """who makes a backup or restores now; empty: nobody"""
    faults: tuple[str, ...] = ()
    """what could not be read or believed"""

    @cached_property
    def newest_first(self) -> tuple[Candidate, ...]:
        return tuple(sorted(self.candidates, key=lambda one: (one.point.completed, one.point.id), reverse=True))

    @cached_property
    def repositories(self) -> Repositories:
        known = (*(one.point for one in self.candidates), *self.going)
        return Repositories(self.listed, known, self.cut_off)

    @cached_property
    def whole(self) -> tuple[Candidate, ...]:
        """Those that nothing speaks against. Only they fill slots, else damaged ones would push out good ones."""
        present = self.repositories.present
        return tuple(one for one in self.newest_first if not one.spoiled and present.issuperset(one.point.needs))

    @cached_property
    def whole_ids(self) -> frozenset[str]:
        return frozenset(one.point.id for one in self.whole)
