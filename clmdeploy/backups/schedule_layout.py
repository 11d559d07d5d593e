"""Where everything of the schedule lies on the backup host. `schedule install` makes it so."""

from __future__ import annotations

USER = "clm-schedule"
HOME = "/var/lib/clm-schedule"
LEDGERS = f"{HOME}/ledgers"
METRICS = f"{HOME}/metrics"
SETTINGS = "/etc/clm-schedule"
INVENTORIES = f"{SETTINGS}/inventories"
PROGRAMS = "/opt/clmdeploy"
PREFIX = "clm-schedule-"
METRICS_FILE = "clm_schedule.prom"
STATE = "CLM_SCHEDULE_STATE"
"""environment variable: where ledgers and metrics are kept, where it isn't this account's own state directory"""
TOLD_BY = "CLM_TOLD_BY"
"""environment variable: somebody else tells people when this process is killed, so it posts no lookout"""


def unit(job: str, kind: str) -> str:
    """`clm-schedule-JOB.service` or `.timer`."""
    return f"{PREFIX}{job}.{kind}"


def program(directory: str) -> str:
    """The clmdeploy of one installation."""
    return f"{PROGRAMS}/{directory}/bin/clmdeploy"
