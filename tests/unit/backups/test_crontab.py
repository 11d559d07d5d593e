"""The schedule as a crontab: the same times, or a refusal."""

from __future__ import annotations

import pytest

from clmdeploy.backups.crontab import Cron, cron_fields, crontab
from clmdeploy.backups.jobs import jobs_of
from clmdeploy.config.backup import Schedule
from clmdeploy.model.errors import InvalidInput

CRON = Cron("lab", "/opt/100%/clmdeploy", "/srv/inventories", "5f0c5a52", "/home/clm/100%", "duty@example.com")


@pytest.mark.parametrize(
    ("calendar", "fields"),
    [
        ("Sun 02:00", "0 2 * * 0"),
        ("Mon..Sat 02:00", "0 2 * * 1,2,3,4,5,6"),
        ("Sat..Mon 02:00", "0 2 * * 0,1,6"),
        ("Mon,Wed,Fri 02:00:00", "0 2 * * 1,3,5"),
        ("*-*-01 03:30", "30 3 1 * *"),
        ("*-01,07-01 03:30", "30 3 1 1,7 *"),
        ("03:30", "30 3 * * *"),
        ("*:0/15", "0-59/15 * * * *"),
        ("8..18:00", "0 8-18 * * *"),
        ("daily", "0 0 * * *"),
        ("weekly", "0 0 * * 1"),
    ],
)
def test_what_cron_can_keep_is_the_same_time(calendar: str, fields: str) -> None:
    """Weekdays are written one by one: cron's ranges differ between its makers."""
    assert cron_fields(calendar) == fields


@pytest.mark.parametrize(
    "calendar",
    ["Mon..Fri 02:00:30", "2027-*-* 02:00", "*-*~01 02:00", "02:00 Europe/Moscow", "Mon *-*-01 02:00", "25:00"],
)
def test_what_cron_would_understand_otherwise_is_refused(calendar: str) -> None:
    """A weekday together with a date: both must hold to systemd, either one to cron."""
    assert cron_fields(calendar) is None


def test_all_such_times_are_named_at_once() -> None:
    """Nobody wants to find them one by one."""
    schedule = Schedule.model_validate(
        {"backup": [{"type": "full", "at": "02:00:30"}], "verify": "03:00 Europe/Moscow"}
    )  # fmt: skip
    with pytest.raises(InvalidInput, match=r"`02:00:30`, `03:00 Europe/Moscow`"):
        crontab(CRON, schedule, jobs_of(schedule))


def test_a_line_keeps_others_out_ends_in_time_and_says_how_it_ended() -> None:
    """`conclude` comes after a semicolon: it runs after a killed run too. A bare % would end the command."""
    schedule = Schedule.model_validate({"backup": [{"type": "full", "at": "Sun 02:00"}], "random_delay": 0})
    lines = crontab(CRON, schedule, jobs_of(schedule)).splitlines()
    assert "MAILTO=duty@example.com" in lines
    program = r"/opt/100\%/clmdeploy --inventories /srv/inventories schedule"
    assert lines[4] == (
        r"0 2 * * 0 sleep 0; flock --nonblock /home/clm/100\%/backup-full.lock timeout --kill-after=180 50400 "
        f"{program} run backup-full -e lab; {program} conclude backup-full -e lab"
    )
    assert lines[-1].startswith("@reboot ")
    assert "%" not in "".join(lines).replace(r"\%", "")
