"""A sample of what hosts can do to a change; `make faults` has all of it."""

from __future__ import annotations

import pytest

from tests.faults.case import Family
from tests.faults.families import fencing, hosts
from tests.faults.ground import Ground
from tests.faults.run import run_cases, table

pytestmark = pytest.mark.timeout(900)


def test_a_full_disk_amid_a_switch_is_survived(ground: Ground) -> None:
    """app1 can't even write down what it runs: it is named, and one command brings back what ran before."""
    _survives(ground, hosts.FAMILY, "app1 /var/lib/clmdeploy full at canary-switch acting")


def test_a_host_listens_to_the_newest_token_alone(ground: Ground) -> None:
    """app2 refuses, by name; the rest is taken back; after `lease renew` the same deploy goes well."""
    _survives(ground, fencing.FAMILY, "take-back-all: app2 has seen a newer token")


def _survives(ground: Ground, family: Family, name: str) -> None:
    """Invariants and comparison are the matrix's own."""
    (case,) = (one for one in family.cases(ground) if one.name == name)
    rows = list(run_cases(ground, [case], print))
    assert not any(row.fault for row in rows), table(rows)
