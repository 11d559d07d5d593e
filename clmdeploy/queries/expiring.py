"""Gathers all that bears upon which restore points are removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.retention import Verdicts, judge
from clmdeploy.backups.retention_facts import Candidate, Facts
from clmdeploy.changes.lease_document import LeaseDocument
from clmdeploy.changes.ports import Clock, Performer
from clmdeploy.config.backup_hosts import backup_of, parties
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ClmError, StoreUnavailable
from clmdeploy.planners.expire import Expiry
from clmdeploy.queries import changes
from clmdeploy.queries.point_needs import Needs, made_by
from clmdeploy.queries.points import Points
from clmdeploy.queries.repositories import Holdings, holdings


@dataclass(frozen=True)
class Seen:
    """What was found, and what retention says of it."""

    facts: Facts
    verdicts: Verdicts
    wish: Expiry

    @property
    def is_idle(self) -> bool:
        """Whether nothing would go anyway, whatever holds removals up now."""
        kept_anyway = all(len(one.reasons) > 1 for one in self.verdicts.judgements)
        return kept_anyway and not self.facts.faults and not self.facts.going


@dataclass(frozen=True)
class Expiring:
    """For one environment."""

    needs: Needs
    points: Callable[[], Points]
    engines: Performer
    lease: Callable[[], LeaseDocument | None]
    """of the data"""
    clock: Clock
    inputs: Mapping[str, str]

    def look(self, ours: str = "") -> Seen:
        """Everything anew. `ours`: the change that asks this of itself, which holds the data lease.

        Raises UsageError where clm.yml describes no backups, StoreUnavailable when the storage does not answer.
        """
        rules = backup_of(self.needs.environment).retention
        found = self.points()  # before the repositories: what is published meanwhile is a stranger there, and stays
        held = self._holdings(found)
        facts = self._facts(found, held, ours)
        verdicts = judge(rules, facts)
        leaving = {one.point.id: one for one in found.points if one.point.id in verdicts.leaving}
        wish = Expiry(
            layout=self.layout, verdicts=verdicts, leaving={name: one.point for name, one in leaving.items()},
            standing={name: one.entry.etag for name, one in leaving.items()}, inputs=self.inputs,
            going=() if verdicts.halted else facts.going,
            surplus=frozenset() if verdicts.halted else held.surplus,
        )  # fmt: skip
        return Seen(facts, verdicts, wish)

    @cached_property
    def layout(self) -> Layout:
        environment = self.needs.environment
        return Layout(environment.settings, backup_of(environment), parties(environment))

    def _holdings(self, found: Points) -> Holdings:
        known = [*(one.point for one in found.points), *(entry.point for entry in found.going)]
        return holdings(self.engines, self.layout, known)

    def _facts(self, found: Points, held: Holdings, ours: str) -> Facts:
        points = [one.point for one in found.points]
        sound = [one.point for one in found.points if not one.faults]
        needed, unknown = _told(lambda: self.needs.open_changes([one.id for one in points], ours))
        backs, untold = _told(lambda: self.needs.ways_back(sound)) if points else ({}, ())
        cut_off, unread = _told(lambda: dict.fromkeys(self._cut_off(found, held), ""))
        return Facts(
            now=self.clock.now(), zone=ZoneInfo(self.needs.environment.settings.time_zone),
            candidates=tuple(
                Candidate(one.point, one.verified, spoiled=bool(one.faults), standing=one.entry.standing)
                for one in found.points
            ),
            listed=held.listed, going=tuple(entry.point for entry in found.going), cut_off=frozenset(cut_off),
            changes=needed, ways_back=backs, running=self._running(held, ours),
            faults=(*found.faults, *held.faults, *unknown, *untold, *unread),
        )  # fmt: skip

    def _cut_off(self, found: Points, held: Holdings) -> set[str]:
        """Points for which something is stored and that there are not: their change has ended, or they were removed."""
        known = {one.point.id for one in found.points} | {entry.point.id for entry in found.going}
        orphans = {one.point for one in held.listed if one.point and one.point not in known}
        ended = set(orphans & {*found.removed})
        for journal in self.needs.journals if orphans - ended else ():
            still_open = changes.candidates(journal)
            over = [change for change in journal.changes() if change not in still_open]
            ended |= {orphan for orphan in orphans for change in over if made_by(orphan, change)}
        return ended

    def _running(self, held: Holdings, ours: str) -> str:
        """Who makes a backup or restores now."""
        lease = self.lease()
        if lease is not None and lease.held and not (ours and lease.change == ours):
            return f"{lease.who.principal} ({lease.who.user}@{lease.who.host}), {lease.change or lease.reason}"
        if held.running:
            name = ", ".join(held.running)
            return Bilingual(f"pgBackRest, in {name}", f"pgBackRest, в {name}")
        return ""


def _told(ask: Callable[[], dict[str, str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is found out, or why not: what is not known stops every removal, and hides nothing of the rest."""
    try:
        return ask(), ()
    except StoreUnavailable:
        raise
    except ClmError as error:
        return {}, (error.message,)
