"""The restore points as people and planners see them: what is in the catalogue, and what verification said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clmdeploy.backups.catalogue import Catalogue
from clmdeploy.backups.listing import Entry
from clmdeploy.backups.marks import Mark, MarkBook
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.words import ambiguous, no_such_point
from clmdeploy.model.errors import VerificationFailed

LATEST = "latest"
OF_RESTORES = ("before a restore of ", "after a restore of ")
"""how the reasons begin of points that a restore makes for itself"""
_NAMED = 6  # points named where one was not found, or not told apart


@dataclass(frozen=True)
class Seen:
    """One point, and what verification last said of it."""

    entry: Entry
    mark: Mark | None = None

    @property
    def point(self) -> RestorePoint:
        return self.entry.point

    @property
    def verified(self) -> datetime | None:
        """When all of it was read back well; None: never, or it was found damaged since."""
        return self.mark.verified if self.mark is not None and not self.mark.faults else None

    @property
    def faults(self) -> tuple[str, ...]:
        """What makes it worthless."""
        return self.mark.faults if self.mark is not None else ()


@dataclass(frozen=True)
class Points:
    """All that the catalogue knows, newest first."""

    points: tuple[Seen, ...]
    going: tuple[Entry, ...] = ()
    """their removal was begun and is not over"""
    faults: tuple[str, ...] = ()
    """what can't be believed"""
    removed: tuple[str, ...] = ()
    """IDs of points that there were"""

    def find(self, text: str) -> Seen:
        """The point that `text` names: `latest`, an ID, or the beginning of one alone.

        Raises InvalidInput, naming the nearest, when there is none or more than one.
        """
        if text == LATEST and self.points:
            return self.points[0]
        found = [one for one in self.points if text and one.point.id.startswith(text)]
        if not found:
            raise no_such_point(text, [one.point.id for one in self.points[:_NAMED]])
        if len(found) > 1 and found[-1].point.id != text:
            raise ambiguous(text, [one.point.id for one in found[:_NAMED]], len(found))
        return found[-1]

    def newest_for_restore(self) -> Seen | None:
        """The newest that no restore made for itself: what stood before or after one is named by its ID only."""
        return next((one for one in self.points if not one.point.reason.startswith(OF_RESTORES)), None)

    def stands_on(self, seen: Seen) -> tuple[str, ...]:
        """IDs of the points whose backups this one is made of, oldest first."""
        needed = set(seen.point.database.needs[1:])
        return tuple(one.point.id for one in reversed(self.points) if one.point.database.holding in needed)

    def stand_on(self, seen: Seen) -> tuple[str, ...]:
        """IDs of the points whose backups are made of this one's, oldest first."""
        own = seen.point.database.holding
        return tuple(one.point.id for one in reversed(self.points) if own in one.point.database.needs[1:])


def points_of(catalogue: Catalogue, book: MarkBook) -> Points:
    """Two reads, once an index is there. What can't be believed is told, and hides nothing else."""
    listing, faults = catalogue.listing(), []
    try:
        marks = book.read().by_point
    except VerificationFailed as error:
        marks, faults = {}, [error.message]
    seen = tuple(Seen(entry, marks.get(entry.point.id)) for entry in listing.points)
    return Points(seen, listing.going, (*listing.faults, *faults), listing.removed)


def point_named(catalogue: Catalogue, book: MarkBook, text: str) -> tuple[Seen, Points]:
    """One point, from its own manifest, among all others. Raises as `Points.find` and `Catalogue.get` do."""
    found = points_of(catalogue, book)
    seen = found.find(text)
    return Seen(catalogue.get(seen.point.id), seen.mark), found
