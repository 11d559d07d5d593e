"""All chains of an environment's journal together: what was done to the fleet, and what to its data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from clmdeploy.changes.events import Event
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.scopes import scope_of_change
from clmdeploy.queries import changes
from clmdeploy.queries.changes import ChangeSummary, Story

Journals = Sequence[Journal]
"""one for each scope, that of the fleet first"""


def journal_with(journals: Journals, change: str) -> Journal:
    """The chain that a change of this ID is in, if it is anywhere."""
    scope = scope_of_change(change)
    return next((one for one in journals if one.scope == scope), journals[0])


def summaries(journals: Journals, most: int) -> list[ChangeSummary]:
    """The newest changes of all chains, newest first. Raises as `changes.summaries` does."""
    found = [one for journal in journals for one in changes.summaries(journal, most)]
    return sorted(found, key=lambda one: datetime.fromisoformat(one.opened), reverse=True)[:most]


def story(journals: Journals, change: str | None) -> Story:
    """All of one change, by default of the newest. Raises as `changes.story` does."""
    newest = max((one.newest_change() or "" for one in journals), default="")
    wanted = change or newest or None
    return changes.story(journal_with(journals, wanted or ""), wanted)


def events_since(journals: Journals, since: datetime | None, most: int) -> list[Event]:
    """As `changes.events_since`, change by change, in the order in which they began."""
    wanted = {one.id for one in summaries(journals, most)}
    found = [one for journal in journals for one in changes.events_since(journal, since, most) if one.change in wanted]
    return sorted(found, key=lambda event: event.change)


def to_settle(journals: Journals, wanted: str | None) -> str:
    """The change that resume or abort is about: `wanted`, or the only one that needs somebody in any chain.

    Raises UsageError as `changes.to_settle` does.
    """
    if wanted is not None:
        return changes.to_settle(journal_with(journals, wanted), wanted)
    waiting = [one for one in journals if changes.candidates(one)]
    if len(waiting) > 1:
        every = sorted(name for one in waiting for name in changes.candidates(one))
        raise changes.several_open(journals[0].environment, every)
    return changes.to_settle(waiting[0] if waiting else journals[0], None)
