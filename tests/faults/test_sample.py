"""A sample of the matrix that `make faults` runs as a whole: nothing is left half-done, whatever happens when."""

from __future__ import annotations

import pytest

from tests.faults.case import Case
from tests.faults.families import sample
from tests.faults.ground import Ground
from tests.faults.run import run_cases, table

pytestmark = pytest.mark.timeout(1800)


def test_a_change_is_finished_however_often_it_is_killed(ground: Ground) -> None:
    """SIGKILL before and after each kind of step: each time `change resume` goes on, and in the end all is deployed."""
    _survives(ground, sample.RESUMED)


def test_a_change_is_taken_back_however_often_that_is_killed(ground: Ground) -> None:
    """SIGKILL before and after each kind of undo: each time `change abort` goes on, and all is as it was."""
    _survives(ground, sample.ABORTED)


def test_a_storage_that_stutters_is_borne(ground: Ground) -> None:
    """Every write of the journal fails once, or its answer is lost: nobody has to help."""
    _survives(ground, sample.STUTTERING)


def _survives(ground: Ground, case: Case) -> None:
    """Invariants, comparison and users are the matrix's own."""
    rows = list(run_cases(ground, [case], print))
    assert not any(row.fault for row in rows), table(rows)
