"""The ledger of a job's runs: what ended how, and what never began."""

from __future__ import annotations

import pytest

from clmdeploy.backups.run_ledger import LATE, MOST_KEPT, Result, Run, RunLedger

EMPTY = RunLedger(job="verify")
DELAY = 600.0


def begun(*starts: float) -> RunLedger:
    ledger = EMPTY
    for at in starts:
        ledger = ledger.begun(Run(id=f"run-{at:g}", started=at))
    return ledger


def test_a_run_is_at_work_until_its_end_is_known() -> None:
    """Only a good end is a success."""
    ledger = begun(100, 200)
    assert [run.id for run in ledger.open_runs] == ["run-100", "run-200"]
    ledger = ledger.over("run-100", 150, "failed", 6).over("run-200", 260, "done", 0)
    assert ledger.open_runs == ()
    assert ledger.last_success == 260
    assert ledger.last_over is not None
    assert (ledger.last_over.id, ledger.last_over.exit_code) == ("run-200", 0)


@pytest.mark.parametrize("later", ["killed", "lost", "done"])
def test_what_a_run_said_of_its_end_stays(later: Result) -> None:
    """Whoever concludes it afterwards knows less."""
    ledger = begun(100).over("run-100", 150, "failed", 6)
    assert ledger.over("run-100", 160, later, None) == ledger


def test_the_same_run_begins_once() -> None:
    """A unit that calls itself again is no other run."""
    ledger = begun(100)
    assert ledger.begun(Run(id="run-100", started=105)) == ledger


def test_only_the_newest_are_remembered() -> None:
    """A ledger stays small however long a host lives."""
    assert len(begun(*range(1, MOST_KEPT + 20)).runs) == MOST_KEPT


@pytest.mark.parametrize("off", [-1.0, 0.0, DELAY, DELAY + LATE])
def test_a_run_within_its_delay_meets_its_time(off: float) -> None:
    """The random delay is drawn by systemd, and a busy host is late."""
    ledger = begun(10_000 + off).accounted([10_000], 20_000, DELAY)
    assert (ledger.missed, ledger.checked) == (0, 20_000)


@pytest.mark.parametrize("off", [-60.0, DELAY + LATE + 1])
def test_a_time_without_a_run_is_missed(off: float) -> None:
    """A run by hand before it, or the next one after it, doesn't count for it."""
    ledger = begun(10_000 + off).over(f"run-{10_000 + off:g}", 10_001 + off, "done", 0)
    ledger = ledger.accounted([10_000], 20_000, DELAY)
    assert [(miss.at, miss.why) for miss in ledger.misses] == [(10_000, "absent")]


def test_a_time_at_which_the_run_before_was_at_work_is_told_as_that() -> None:
    """systemd starts nothing then, and queues nothing."""
    ledger = begun(9_000).over("run-9000", 11_000, "done", 0).accounted([10_000], 20_000, 0)
    assert [miss.why for miss in ledger.misses] == ["overlap"]


def test_a_run_that_went_down_with_its_host_was_in_nobodys_way() -> None:
    """Its end was only found later."""
    ledger = begun(9_000).over("run-9000", 15_000, "lost", None).accounted([10_000], 20_000, 0)
    assert [miss.why for miss in ledger.misses] == ["absent"]


def test_misses_are_counted_for_ever() -> None:
    """A counter never falls, even when the oldest are forgotten."""
    ledger = EMPTY.accounted([float(at) for at in range(MOST_KEPT + 5)], 20_000, 0)
    assert (ledger.missed, len(ledger.misses)) == (MOST_KEPT + 5, MOST_KEPT)
