"""The units of scheduled jobs, and what their runs type."""

from __future__ import annotations

import configparser

import pytest

from clmdeploy.backups.jobs import jobs_of
from clmdeploy.backups.schedule_units import Units
from clmdeploy.config.backup import Schedule

SCHEDULE = Schedule.model_validate({
    "backup": [
        {"type": "full", "at": "Sun 02:00"}, {"type": "incr", "at": "Mon..Sat 02:00"},
        {"type": "incr", "at": "12:00 Europe/Moscow"},
    ],
    "verify": "05:00", "deadline": 100, "longest": 1000, "random_delay": 60,
})  # fmt: skip
UNITS = Units("production", SCHEDULE, jobs_of(SCHEDULE), "1.0-abcdef01")


def test_times_of_one_command_are_one_job() -> None:
    """So no run of it can overlap another of it."""
    assert [job.name for job in jobs_of(SCHEDULE)] == ["backup-full", "backup-incr", "verify"]
    timer = UNITS.texts()["clm-schedule-backup-incr.timer"].splitlines()
    assert [line for line in timer if line.startswith("OnCalendar")] == [
        "OnCalendar=Mon..Sat 02:00", "OnCalendar=12:00 Europe/Moscow",
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["Persistent=false", "FixedRandomDelay=yes", "RandomizedDelaySec=60"])
def test_nothing_is_caught_up_and_delays_can_be_foreseen(line: str) -> None:
    """A missed run is told, and which one that is can be told."""
    assert line in UNITS.texts()["clm-schedule-verify.timer"].splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "Type=oneshot", "User=clm-schedule", "KillMode=mixed", "TimeoutStartSec=1100", "NoNewPrivileges=yes",
        "ExecStart=/opt/clmdeploy/1.0-abcdef01/bin/clmdeploy schedule run verify -e production",
        "ExecStopPost=/opt/clmdeploy/1.0-abcdef01/bin/clmdeploy schedule conclude verify -e production",
    ],
)  # fmt: skip
def test_a_service_ends_in_time_and_somebody_concludes_it(line: str) -> None:
    """The time limit counts waiting and work together."""
    assert line in UNITS.texts()["clm-schedule-verify.service"].splitlines()


def test_all_units_can_be_read() -> None:
    """Each has its sections, and no key stands outside of one."""
    for name, text in UNITS.texts().items():
        parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        wanted = ["Unit", "Timer", "Install"] if name.endswith(".timer") else ["Unit", "Service"]
        assert parser.sections() == wanted


def test_runs_ask_nobody() -> None:
    """Every command gets the flags that it knows, consent to what has no way back too, and waits as long as it may."""
    words = {job.name: job.words("lab", 100) for job in jobs_of(SCHEDULE)}
    assert words["backup-full"] == (
        "backup", "create", "--type", "full", "-e", "lab", "--confirm", "lab", "--reason", "scheduled: backup-full",
        "--lease-wait", "100", "--json",
    )  # fmt: skip
    assert words["verify"] == ("backup", "verify", "-e", "lab", "--lease-wait", "100", "--json")
