"""What runs by itself on the backup host, as clm.yml declares it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.config.backup import Schedule

CHECK = "check"
"""looks for runs that never were"""
JOB_NAME = r"^[a-z][a-z0-9-]{0,39}$"


@dataclass(frozen=True)
class Job:
    """One kind of run: all entries of clm.yml with the same command are one job with several times."""

    name: str
    command: tuple[str, ...]
    """of clmdeploy, without its flags"""
    at: tuple[str, ...]
    """as systemd.time(7) writes it"""
    is_change: bool = True
    """it asks, keeps a reason, and tells people itself how it ended"""

    def words(self, environment: str, lease_wait: int) -> tuple[str, ...]:
        """The whole command line, for a run that nobody watches."""
        # Not --yes: expiry has no way back, and an environment may be a production.
        consent = ("--confirm", environment, "--reason", f"scheduled: {self.name}") if self.is_change else ()
        return (*self.command, "-e", environment, *consent, "--lease-wait", str(lease_wait), "--json")


def jobs_of(schedule: Schedule) -> tuple[Job, ...]:
    """All jobs, those that make backups first."""
    kinds = dict.fromkeys(one.type for one in schedule.backup)
    found = [
        Job(f"backup-{kind}", ("backup", "create", "--type", kind), _times(schedule, kind)) for kind in kinds
    ]  # fmt: skip
    if schedule.verify is not None:
        found.append(Job("verify", ("backup", "verify"), (schedule.verify,), is_change=False))
    if schedule.expire is not None:
        found.append(Job("expire", ("backup", "expire"), (schedule.expire,)))
    return tuple(found)


def _times(schedule: Schedule, kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.at for one in schedule.backup if one.type == kind))
