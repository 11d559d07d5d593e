"""`clmdeploy journal`: all that was done, and the proof that nobody edited it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import click
import pytest

from clmdeploy.cli.journal import moment_of
from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk

NOW = datetime(2026, 7, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def worked(desk: Desk) -> Desk:
    """A deploy and a rollback stand in the journal."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    desk("rollback", "-e", "lab", "--yes")
    return desk


def test_show_tells_every_event(worked: Desk) -> None:
    """In the order in which they happened, each named by its digest in the next one."""
    events = worked("journal", "show", "-e", "lab", "--json").json["events"]
    assert [events[0]["kind"], events[-1]["kind"]] == ["opened", "closed"]
    assert all(after["previous"] == before["digest"] for before, after in pairwise(events))
    shown = worked("journal", "show", "-e", "lab").out
    assert shown.count("opened") == shown.count("closed") == 2


def test_show_can_be_narrowed(worked: Desk) -> None:
    """To one change, or to what is not older than a moment."""
    newest = worked.newest()
    events = worked("journal", "show", "-e", "lab", "--change", newest, "--json").json["events"]
    assert {event["change"] for event in events} == {newest}
    assert worked("journal", "show", "-e", "lab", "--since", "2999-01-01", "--json").json["events"] == []
    assert len(worked("journal", "show", "-e", "lab", "--since", "7d", "--json").json["events"]) > len(events)


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2h", datetime(2026, 7, 10, 10, tzinfo=UTC)),
        ("7d", datetime(2026, 7, 3, 12, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 21, tzinfo=UTC)),
        ("2026-07-01T21:30", datetime(2026, 7, 1, 18, 30, tzinfo=UTC)),
        ("2026-07-01T21:30+00:00", datetime(2026, 7, 1, 21, 30, tzinfo=UTC)),
    ],
)
def test_since_is_meant_in_the_environments_zone(since: str, moment: datetime) -> None:
    """A time ago, a day, or a moment; Moscow time unless it names another zone."""
    assert moment_of(since, "Europe/Moscow", NOW) == moment


@pytest.mark.parametrize("since", ["yesterday", "", "h", "-2h", "999999d", "2026-13-01"])
def test_since_that_means_nothing_is_refused(since: str) -> None:
    """Never read as something else."""
    with pytest.raises(click.BadParameter):
        moment_of(since, "Europe/Moscow", NOW)


def test_verify_passes_on_what_nobody_touched(worked: Desk) -> None:
    """Exit code 0 and the number of events."""
    said = worked("journal", "verify", "-e", "lab", "--json")
    assert (said.code, said.json["good"]) == (ExitCode.DONE, True)
    assert said.json["events"] == len(worked("journal", "show", "-e", "lab", "--json").json["events"])


@pytest.mark.parametrize("number", [0, 3, -1])
def test_verify_finds_any_edit(worked: Desk, number: int) -> None:
    """Exit code 10, whichever event was edited."""
    key = [key for key in worked.state.keys("lab/changes/") if "/events/" in key][number]
    worked.state.put(key, worked.state.get(key).body.replace(b"admin@lab", b"other@lab"))
    said = worked("journal", "verify", "-e", "lab")
    assert said.code == ExitCode.VERIFICATION_FAILED
    assert said.out == ""
