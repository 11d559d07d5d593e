"""Which release ran at a moment, by the journal: a point knows only what ran when it was made."""

from __future__ import annotations

from datetime import UTC, datetime

from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.target_words import spelled
from clmdeploy.changes.events import Event
from clmdeploy.changes.journal import Journal
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import NothingChanged

_ROLLOUTS = ("deploy", "rollback", "restore")
_SLACK = 10.0  # seconds that clocks of control nodes and servers may differ


def release_at(journal: Journal, base: RestorePoint, at: datetime | None) -> str | None:
    """The directory of the release that ran at that moment; `at` None: at the end of the log.

    Raises NothingChanged where a rollout was under way then, or ended in between with hosts on two releases.
    """
    release = base.release
    for change in sorted(journal.changes()):
        plan = journal.ledger(change).plan
        if plan.kind not in _ROLLOUTS or plan.to_release is None:
            continue
        events = journal.events(change)
        ending = _ending(events)
        if ending is not None and _time(ending) <= base.completed:
            continue
        if at is not None and (_time(events[0]) - at).total_seconds() > _SLACK:
            continue
        if plan.kind == "restore" and (ending is None or ending.detail["state"] != "done"):
            continue  # one that was taken back, or whose place another took: what runs then is looked at when it starts
        if plan.kind == "restore" and plan.from_release == plan.to_release:
            release = plan.to_release  # before it, amid it and after it: the same
            continue
        undecided = ending is None or (at is not None and (at - _time(ending)).total_seconds() < _SLACK)
        if undecided or ending is None or ending.detail["state"] not in ("done", "taken-back", "superseded"):
            raise _refusal(change, at)
        if ending.detail["state"] == "done":
            release = plan.to_release
    return release


def _ending(events: list[Event]) -> Event | None:
    """What closed it last; None while it stands open."""
    return events[-1] if events[-1].kind == "closed" else None


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event.at).astimezone(UTC)


def _refusal(change: str, at: datetime | None) -> NothingChanged:
    moment = spelled(at) if at is not None else "end"
    return NothingChanged(
        Bilingual(
            f"{change} was under way at {moment}, or ended with hosts on two releases: nobody knows which one fits the "
            "database of that moment",
            f"{change} выполнялось в {moment} или закончилось с разными релизами на узлах: неизвестно, какой подходит "
            "к базе на тот момент",
        ),
        Bilingual(
            "choose another moment, or restore the database alone: --only db; then deploy the release that fits",
            "выберите другой момент или восстановите одну базу: --only db; затем разверните подходящий релиз",
        ),
    )
