"""Control groups, on a directory that stands for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.lab.cgroup import Cgroup
from clmdeploy.lab.machine import LabError


def test_state_comes_from_the_kernels_events(tmp_path: Path) -> None:
    """A group is alive while it is populated, and frozen when the kernel says so, not when it was asked to."""
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    (tmp_path / "cgroup.freeze").write_text("1")
    group = Cgroup(tmp_path)
    assert (group.alive, group.frozen) == (True, False)


def test_a_group_that_is_not_there_is_dead_and_can_be_killed(tmp_path: Path) -> None:
    """A host that never started is off, and ending it once more is no error."""
    group = Cgroup(tmp_path / "none")
    group.kill()
    group.remove()
    assert not group.alive


def test_a_host_that_is_off_has_no_first_process(tmp_path: Path) -> None:
    """Asking for the first process of a host that is off says so."""
    with pytest.raises(LabError, match="is off"):
        Cgroup(tmp_path / "app1").init_process()
