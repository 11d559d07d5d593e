"""What a lab consists of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.lab.spec import LabSpec
from clmdeploy.model.errors import UsageError


def test_the_default_lab_has_every_role_and_three_applications() -> None:
    """Without options: balancer, store, database with a standby, worker, backup host and three application hosts."""
    first = ["lb1", "store1", "db1", "db2", "worker1", "backup1"]
    assert [host.name for host in LabSpec().hosts] == [*first, "app1", "app2", "app3"]


@given(st.builds(LabSpec, apps=st.integers(0, 20), workers=st.integers(0, 9), bare=st.integers(0, 20)))
def test_every_host_has_a_name_and_an_octet_of_its_own(spec: LabSpec) -> None:
    """However large the lab, no two hosts share a name or an address, and none has the bridge's or the broadcast's."""
    octets = {host.octet for host in spec.hosts}
    assert len({host.name for host in spec.hosts}) == len(octets) == len(spec.hosts)
    assert not octets & {0, 1, 255}
    assert max(octets) < 255


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "Lab", "1lab", "a" * 32, "lab\n", "lab_1"])
def test_a_name_that_is_no_directory_name_is_refused(name: str) -> None:
    """A lab's name is a lower-case letter, then letters, digits and hyphens: it becomes a path."""
    with pytest.raises(UsageError, match="can't name a lab"):
        LabSpec(name=name)


@pytest.mark.parametrize("wrong", [{"apps": 21}, {"apps": -1}, {"workers": 10}, {"bare": 21}, {"databases": 4}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    """More hosts than addresses are set aside for, or fewer than none, are refused."""
    with pytest.raises(UsageError, match="a lab has 0 to"):
        LabSpec(**wrong)  # type: ignore[arg-type]


def test_an_empty_lab_is_refused() -> None:
    """A lab without any host is an error, not a bridge to nowhere."""
    with pytest.raises(UsageError, match="at least one host"):
        LabSpec(apps=0, workers=0, balancer=False, databases=0, store=False, backup=False)
