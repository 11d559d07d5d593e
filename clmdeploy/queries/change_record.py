"""One change as it is stored, wherever it is known: also when nothing of it can be believed any more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from clmdeploy.changes.events import Event
from clmdeploy.changes.journal import Journal, read_event
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.signed_plan import SignedPlan
from clmdeploy.changes.standing_words import listing_hint
from clmdeploy.model.errors import ClmError, InvalidInput, StoreUnavailable, UsageError, VerificationFailed
from clmdeploy.queries.change_archive import Gap
from clmdeploy.queries.changes import nothing_done, unknown_message


@dataclass(frozen=True)
class Place:
    """Somewhere a journal is kept."""

    name: str
    journal: Journal


@dataclass(frozen=True)
class ChangeRecord:
    """Everything that one place has of a change, by key as stored."""

    id: str
    place: Place
    objects: Mapping[str, bytes]
    gaps: list[Gap] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """How the keys of its objects begin."""
        return f"{self.place.journal.root}/changes/{self.id}/"

    def events(self) -> list[Event]:
        """Those that can be read."""
        found = []
        for key, body in sorted(self.objects.items()):
            if key.startswith(f"{self.prefix}events/"):
                try:
                    found.append(read_event(key, body))
                except VerificationFailed as error:
                    self.gaps.append(Gap(what=key, cause=error.message))
        return found

    def plan(self) -> SignedPlan | None:
        """As it is stored; `fault` says whether it is to be believed. None when it is no plan."""
        try:
            return SignedPlan.model_validate(json.loads(self.objects.get(f"{self.prefix}plan", b"")))
        except (ValidationError, ValueError, RecursionError):
            return None

    def fault(self) -> str:
        """Why its plan can't be believed; empty when it can."""
        try:
            self.place.journal.ledger(self.id)
        except ClmError as error:
            return error.message
        return ""


def find_record(places: Sequence[Place], wanted: str | None) -> ChangeRecord:
    """The change `wanted`, or the newest, from the first place that knows it.

    Raises StoreUnavailable when the storage is silent and nobody else knows it, UsageError when nobody does.
    """
    gaps: list[Gap] = []
    silence: ClmError | None = None
    for place in places:
        try:
            change = wanted or _newest(place.journal)
            objects = _objects(place.journal, change) if change else {}
        except (StoreUnavailable, InvalidInput) as error:
            gaps.append(Gap(what=place.name, cause=error.message))
            silence = silence or error
            continue
        if change and objects:
            return ChangeRecord(change, place, objects, gaps)
    if silence:
        raise silence
    name = places[0].journal.environment
    raise UsageError(unknown_message(name, wanted) if wanted else nothing_done(name), listing_hint(name))


def _newest(journal: Journal) -> str | None:
    """By the signed head; where that can't be believed, or is not kept, by the IDs, which begin with a time."""
    try:
        newest = journal.newest_change()
    except VerificationFailed:
        newest = None
    return newest or next(iter(reversed(journal.changes())), None)


def _objects(journal: Journal, change: str) -> dict[str, bytes]:
    environment, found = journal.environment, {}
    for key in journal.store.keys(f"{environment}/changes/{change}/"):
        found[key] = journal.store.get(key).body
    if not found:
        return {}
    for key in (f"{environment}/journal/head", f"{environment}/lease/fleet", f"{environment}/lease/data"):
        try:
            found[key] = journal.store.get(key).body
        except Missing:
            continue
    return found
