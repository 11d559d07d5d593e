"""Ledgers and metrics as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.adapters.schedule_host import elapses_in
from clmdeploy.adapters.schedule_state import ScheduleState
from clmdeploy.backups.run_ledger import Run
from clmdeploy.model.errors import InvalidInput


def test_a_ledger_is_what_was_last_written(tmp_path: Path) -> None:
    """Closed to others; empty before the first run."""
    state = ScheduleState(tmp_path)
    assert state.read("verify").runs == ()
    state.change("verify", lambda ledger: ledger.begun(Run(id="a", started=1.0)))
    assert [run.id for run in ScheduleState(tmp_path).read("verify").runs] == ["a"]
    assert (tmp_path / "ledgers" / "verify.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_ledger_is_refused_and_named(tmp_path: Path) -> None:
    """It is no reason to forget that runs were missed."""
    (tmp_path / "ledgers").mkdir()
    (tmp_path / "ledgers" / "verify.json").write_text('{"format": "run-ledger/1"')
    with pytest.raises(InvalidInput, match=r"verify\.json: is damaged") as refused:
        ScheduleState(tmp_path).read("verify")
    assert refused.value.hint.startswith("mv ")


@pytest.mark.parametrize("job", ["../x", "", "Verify", "a/b"])
def test_a_job_is_no_path(tmp_path: Path, job: str) -> None:
    """Nothing outside of its place is read."""
    with pytest.raises(InvalidInput):
        ScheduleState(tmp_path).read(job)


def test_metrics_are_for_everybody_and_appear_whole(tmp_path: Path) -> None:
    """A collector that reads at any moment finds the old file or the new one, and nothing beside it."""
    ScheduleState(tmp_path).publish("a 1\n")
    ScheduleState(tmp_path).publish("a 2\n")
    (only,) = (tmp_path / "metrics").iterdir()
    assert (only.name, only.read_text()) == ("clm_schedule.prom", "a 2\n")
    assert only.stat().st_mode & 0o777 == 0o644


def test_times_of_systemd_are_read_in_utc() -> None:
    """Once each, whatever the zone of the host."""
    here = "    Next elapse: Tue 2026-11-24 02:00:00 UTC\n       From now: 6h left\n"
    assert elapses_in(here) == [1795485600.0]
    there = (
        "  Original form: 05:00\n    Next elapse: Tue 2026-11-24 05:00:00 MSK\n"
        "       (in UTC): Tue 2026-11-24 02:00:00 UTC\n   Iteration #2: Wed 2026-11-25 05:00:00 MSK\n"
        "       (in UTC): Wed 2026-11-25 02:00:00 UTC\n"
    )  # fmt: skip
    assert elapses_in(there) == [1795485600.0, 1795572000.0]
    assert elapses_in("    Next elapse: never\n") == []
