"""Which points the rules of retention keep. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from clmdeploy.backups import retention_words as words
from clmdeploy.backups.point import RestorePoint
from clmdeploy.config.backup import Rules

Period = Literal["day", "week", "month"]


def kept_by(
    rules: Rules, points: Sequence[RestorePoint], now: datetime, zone: tzinfo
) -> Iterator[tuple[RestorePoint, str]]:
    """Points and why the rules keep them. `points`: newest first; `zone`: in which days, weeks and months are meant.

    A day without a point takes no slot, so that a week without backups does not use up what was made before it.
    """
    for number, point in enumerate(points[: rules.last], 1):
        yield point, words.among_last(number, rules.last)
    counts: tuple[tuple[Period, int], ...] = (("day", rules.daily), ("week", rules.weekly), ("month", rules.monthly))
    for period, wanted in counts:
        newest: dict[str, RestorePoint] = {}
        for point in points:
            newest.setdefault(_named(period, point.completed.astimezone(zone).date()), point)
        for name in list(newest)[:wanted]:
            if not is_too_old(rules, newest[name], now):
                yield newest[name], words.newest_of(period, name)


def is_too_old(rules: Rules, point: RestorePoint, now: datetime) -> bool:
    """Whether only `last` can keep it."""
    return rules.most_days is not None and now - point.completed > timedelta(days=rules.most_days)


def _named(period: Period, day: date) -> str:
    """Like 2026-01-31, 2026-W05 or 2026-01. The ISO year of a week is not always that of its days."""
    if period == "day":
        return day.isoformat()
    if period == "month":
        return f"{day:%Y-%m}"
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
