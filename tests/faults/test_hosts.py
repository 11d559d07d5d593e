"""A sample of what hosts can do to a change; `make faults` has all of it."""

from __future__ import annotations

import pytest

from tests.faults.families import hosts
from tests.faults.ground import Ground
from tests.faults.run import run_cases, table

pytestmark = pytest.mark.timeout(900)


def test_a_full_disk_amid_a_switch_is_survived(ground: Ground) -> None:
    """app1 can't even write down what it runs: it is named, and one command brings back what ran before."""
    _survives(ground, "app1 /var/lib/clmdeploy full at canary-switch acting")


def test_a_full_disk_amid_staging_is_survived(ground: Ground) -> None:
    """Nothing that runs was touched: exit code 4, and no half of a release is left."""
    _survives(ground, "app1 /opt/clm full at stage acting")


def _survives(ground: Ground, name: str) -> None:
    """Invariants and comparison are the matrix's own."""
    (case,) = (one for one in hosts.cases(ground) if one.name == name)
    rows = list(run_cases(ground, [case], print))
    assert not any(row.fault for row in rows), table(rows)
