"""Programs that wheels bring: which versions the lab takes."""

from __future__ import annotations

import pytest

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.programs import RCLONE, SEAWEEDFS, Program


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (RCLONE, "rclone v1.75.0\n- os/version: debian 13\n"),
        (RCLONE, "rclone v1.101.3\n"),
        (SEAWEEDFS, "version 8000GB 4.40 d2a2b4b linux amd64\n"),
        (SEAWEEDFS, "version 8000GB 4.105 d2a2b4b linux amd64\n"),
    ],
)
def test_versions_that_the_lab_can_use_are_taken(program: Program, said: str) -> None:
    """The least version and newer ones of the same line pass."""
    program.check(said)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (RCLONE, "rclone v1.74.4\n"),
        (RCLONE, "rclone v1.7.75\n"),
        (RCLONE, "rclone v2.75.0\n"),
        (RCLONE, "no rclone v1.75.0\n"),
        (SEAWEEDFS, "version 8000GB 4.39 d2a2b4b linux amd64\n"),
        (SEAWEEDFS, ""),
    ],
)
def test_older_versions_and_other_programs_are_refused_by_name(program: Program, said: str) -> None:
    """What says another version, or nothing of the kind, never gets onto a host: rclone before 1.75 has known holes."""
    with pytest.raises(LabError, match=program.requirement.split(">")[0]):
        program.check(said)
