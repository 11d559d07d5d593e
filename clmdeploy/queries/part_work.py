"""The work on one part of a repository: what of it is due, what is missing, and what the ledger says afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clmdeploy.backups.ledgers import Kept, Ledgers
from clmdeploy.backups.parts import Part, StorageMap
from clmdeploy.backups.verification import Due, Object, Read, Reading, due, missing, reading
from clmdeploy.backups.wanted import Answer, Wanted
from clmdeploy.queries.manifests import Told
from clmdeploy.queries.stored_objects import Listed


@dataclass(frozen=True)
class Terms:
    """What counts for all parts of one verification."""

    ledgers: Ledgers
    layout: StorageMap
    now: datetime
    most_age: timedelta
    anew: bool = False
    """read everything, whatever the ledger says"""


@dataclass
class PartWork:
    """Opened from its ledger; `close` drops what need not stay in memory."""

    part: Part
    terms: Terms
    present: tuple[Object, ...]
    must: frozenset[str]
    """keys that must be there whatever the ledger knows"""
    kept: Kept
    due: tuple[Due, ...] = ()
    changed: bool = False
    _told: Told = field(default_factory=Told)

    @classmethod
    def opened(
        cls, part: Part, terms: Terms, listed: Iterable[Listed], must: frozenset[str], more: Iterable[Object] = ()
    ) -> PartWork:
        """`more`: what is no object and has a reading. Raises VerificationFailed when the ledger can't be believed."""
        present = (*(one.object for one in listed), *more)
        work = cls(part, terms, present, must, terms.ledgers.read(part, anew=terms.anew))
        work._forget(work._gone_on_purpose())
        age = timedelta(0) if terms.anew else terms.most_age
        work.due = due(work.kept.ledger, present, terms.now, age)
        work._note(work._missing(()))
        return work

    @property
    def size(self) -> int:
        """Bytes to be read."""
        return sum(one.object.size for one in self.due if not _is_no_object(one.object))

    @property
    def counts(self) -> tuple[int, int]:
        """Objects to be read, and those that are known."""
        wanted = sum(not _is_no_object(one.object) for one in self.due)
        return wanted, sum(not _is_no_object(one) for one in self.present) - wanted

    @property
    def unsound(self) -> tuple[Reading, ...]:
        return self.kept.ledger.unsound

    def is_read(self, harmless: Collection[str]) -> bool:
        """Whether every object of it but the `harmless` was read back well, and lately enough."""
        return not self.due and all(one.key in harmless for one in self.unsound)

    @property
    def oldest(self) -> datetime | None:
        return self.kept.ledger.oldest

    def learn(self, told: Told) -> None:
        """What a manifest says of it: digests of parts, and objects that must be there."""
        self._told = told
        self._note(self._missing(told.pieces))

    def wanted(self) -> list[Wanted]:
        """All that is due, as it is asked for."""
        known = self.kept.ledger.by_key
        found = []
        for one in (each.object for each in self.due if not _is_no_object(each.object)):
            wanted = Wanted.of(one, self.part, self.terms.layout, known.get(one.key))
            fault, pieces = self._told.faults.get(one.key, ""), bytes(self._told.pieces.get(one.key, b""))
            found.append(replace(wanted, pieces=pieces, known_fault=fault))
        return found

    def note(self, answers: Mapping[str, Answer], wanted: Iterable[Wanted], at: datetime) -> tuple[Reading, ...]:
        """What came of some objects; those that are not sound."""
        known = self.kept.ledger.by_key
        readings = [
            one.reading(answers[one.object.key], at, known.get(one.object.key))
            for one in wanted if one.object.key in answers
        ]  # fmt: skip
        self.add(readings)
        return tuple(one for one in readings if not one.is_sound)

    def add(self, readings: Iterable[Reading]) -> None:
        """Readings that came by other ways."""
        made = list(readings)
        done = {one.key for one in made}
        self.due = tuple(one for one in self.due if one.object.key not in done)
        self._note(made)

    def judged(self, read: Read) -> Reading:
        """A reading of something that was looked at by other ways."""
        return reading(read, self.kept.ledger.by_key.get(read.object.key))

    def save(self) -> None:
        """Raises Conflict when somebody else has written the ledger since."""
        if self.changed:
            self.kept, self.changed = self.terms.ledgers.save(self.part, self.kept), False

    def _missing(self, wanted: Iterable[str]) -> list[Reading]:
        """Those that were known as missing keep the time when that was seen first."""
        ledger, there = self.kept.ledger, [one.key for one in self.present]
        known = ledger.by_key
        found = missing(ledger, there, {*self.must, *wanted}, self.terms.now)
        return [one for one in found if one.key not in known or known[one.key].result != "missing"]

    def _gone_on_purpose(self) -> set[str]:
        """What the ledger has and the storage has not, where others tell whether it should be there.

        Of log that is its numbering; of file repositories their own index, since `prune` writes what stays anew.
        """
        if self.part.kind in ("backup", "dump"):
            return set()
        there = {one.key for one in self.present}
        return {one.key for one in self.kept.ledger.readings} - there - self.must

    def _forget(self, keys: set[str]) -> None:
        if keys:
            self.kept, self.changed = replace(self.kept, ledger=self.kept.ledger.without(keys)), True

    def _note(self, readings: Iterable[Reading]) -> None:
        made = list(readings)
        if made:
            self.kept, self.changed = replace(self.kept, ledger=self.kept.ledger.noted(made)), True


def _is_no_object(one: Object) -> bool:
    """It stands for a repository as a whole."""
    return one.key.endswith("/")
