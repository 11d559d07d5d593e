"""A moment as it is typed: with an offset it is itself, without one it is a time of the environment's zone."""

from __future__ import annotations

import pytest

from clmdeploy.backups.moment import moment
from clmdeploy.backups.target_words import spelled
from clmdeploy.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "zone", "meant"),
    [
        ("2026-01-31T23:59:59+03:00", "Europe/Moscow", "2026-01-31T20:59:59Z"),
        ("2026-01-31T23:59:59", "Europe/Moscow", "2026-01-31T20:59:59Z"),
        ("2026-01-31 23:59:59.000042", "Asia/Vladivostok", "2026-01-31T13:59:59.000042Z"),
        ("2026-01-31T23:59:59Z", "Asia/Vladivostok", "2026-01-31T23:59:59Z"),
        ("20260131T2359", "UTC", "2026-01-31T23:59:00Z"),
        ("2026-07-01T12:00", "Europe/Berlin", "2026-07-01T10:00:00Z"),
        ("2026-10-25T02:30+02:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T01:30:00Z"),
    ],
)
def test_a_moment_is_one_instant(text: str, zone: str, meant: str) -> None:
    """To the microsecond; an offset wins over the zone."""
    assert spelled(moment(text, zone)) == meant


@pytest.mark.parametrize(
    ("text", "zone", "words", "hint"),
    [
        ("2026-10-25T02:30", "Europe/Berlin", "twice", "2026-10-25T02:30:00+02:00 / 2026-10-25T02:30:00+01:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "does not occur", "2026-03-29T01:30:00+01:00"),
        ("2026-03-29", "Europe/Berlin", "no date and time", "+03:00"),
        ("yesterday", "UTC", "no date and time", "+03:00"),
        ("2026-02-30T12:00", "UTC", "no date and time", "+03:00"),
    ],
)
def test_a_moment_that_is_not_one_instant_is_refused(text: str, zone: str, words: str, hint: str) -> None:
    """The hour that a change of clocks repeats or leaves out needs an offset; a day alone is no moment."""
    with pytest.raises(UsageError, match=words) as refused:
        moment(text, zone)
    assert hint in refused.value.hint
