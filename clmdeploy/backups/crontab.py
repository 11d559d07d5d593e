"""The schedule as a crontab, for hosts without systemd timers. Pure.

Cron knows minutes, hours, days, months and weekdays, in the zone of its host. A time that says more is refused rather
than written down as something else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clmdeploy.backups.jobs import Job
from clmdeploy.config.backup import Schedule
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import sha256_hex

_SHORT = {
    "minutely": "* * * * *", "hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * 1",
    "monthly": "0 0 1 * *", "quarterly": "0 0 1 1,4,7,10 *", "semiannually": "0 0 1 1,7 *", "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
}  # fmt: skip
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CALENDAR = re.compile(
    r"(?:(?P<weekdays>[A-Za-z][A-Za-z,.]*) )?(?:(?:(?P<year>[^ -]+)-)?(?P<month>[^ -]+)-(?P<day>[^ -]+) )?"
    r"(?P<hour>[^ :]+):(?P<minute>[^ :]+)(?::(?P<second>[^ :]+))?"
)
_PART = re.compile(r"(?:\*|(?P<first>\d+)(?:\.\.(?P<last>\d+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True)
class Cron:
    """What the lines of a crontab need beside the jobs."""

    environment: str
    program: str
    """path of clmdeploy"""
    inventories: str
    """absolute path"""
    uuid: str
    """of the environment: spreads the starts of several environments"""
    locks: str
    """a directory of this account"""
    mail_to: str = ""


def crontab(cron: Cron, schedule: Schedule, jobs: Sequence[Job]) -> str:
    """The whole text. Raises InvalidInput naming every time that cron can't keep."""
    lines, faults = [], []
    for job in jobs:
        for at in job.at:
            fields = cron_fields(at)
            if fields is None:
                faults.append(at)
            else:
                lines.append(f"{fields} {_command(cron, schedule, job.name)}")
    if faults:
        told = ", ".join(f"`{at}`" for at in faults)
        raise InvalidInput(
            Bilingual(f"cron can't keep these times: {told}", f"cron не умеет такие времена: {told}"),
            Bilingual(
                "seconds, years, dates counted from the month's end and zones need systemd timers",
                "для секунд, лет, дней с конца месяца и часовых поясов нужны таймеры systemd",
            ),
        )
    check = f"0 8 * * * {_words(cron, 'check')}"
    return "\n".join([*_head(cron), *lines, check, f"@reboot {_words(cron, 'check')}"]) + "\n"


def cron_fields(calendar: str) -> str | None:
    """The five fields that mean the same, or None where there are none."""
    short = _SHORT.get(calendar)
    found = _CALENDAR.fullmatch(calendar)
    if short is not None or found is None:
        return short
    if found["year"] not in (None, "*") or found["second"] not in (None, "0", "00"):
        return None
    dated = found["day"] or "*"
    if found["weekdays"] and dated != "*":
        return None  # both must hold to systemd, either one to cron
    fields = [
        _field(found["minute"], 59), _field(found["hour"], 23), _field(dated, 31, 1),
        _field(found["month"] or "*", 12, 1), _weekdays(found["weekdays"]),
    ]  # fmt: skip
    return None if None in fields else " ".join(map(str, fields))


def _field(text: str, most: int, least: int = 0) -> str | None:
    parts = []
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None or any(not least <= int(n) <= most for n in (found["first"], found["last"]) if n):
            return None
        first, last, step = found["first"], found["last"], found["step"]
        if first is None:
            parts.append("*" if step is None else f"*/{int(step)}")
        elif last is None:
            parts.append(str(int(first)) if step is None else f"{int(first)}-{most}/{int(step)}")
        else:
            parts.append(f"{int(first)}-{int(last)}" + (f"/{int(step)}" if step else ""))
    return ",".join(parts)


def _weekdays(text: str | None) -> str | None:
    if text is None:
        return "*"
    days: list[int] = []
    for part in text.split(","):
        ends = [name[:3].lower() for name in part.split("..")]
        if len(ends) > 2 or any(name not in _DAYS for name in ends):
            return None
        first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        days += range(first, last + 1 if last >= first else last + 8)
    return ",".join(map(str, sorted({(day + 1) % 7 for day in days})))  # to cron Sunday is the first


def _command(cron: Cron, schedule: Schedule, job: str) -> str:
    """No overlap, a time limit, and a word about how it ended even when it was killed. `%` would end a cron command."""
    delay = int(sha256_hex(f"{cron.uuid} {job}".encode())[:8], 16) % (schedule.random_delay + 1)
    lock = shlex.quote(f"{cron.locks}/{job}.lock")
    limit = schedule.deadline + schedule.longest
    run = f"flock --nonblock {lock} timeout --kill-after=180 {limit} {_bare(cron, 'run', job)}"
    return _escaped(f"sleep {delay}; {run}; {_bare(cron, 'conclude', job)}")


def _words(cron: Cron, *words: str) -> str:
    return _escaped(_bare(cron, *words))


def _bare(cron: Cron, *words: str) -> str:
    command = (cron.program, "--inventories", cron.inventories, "schedule", *words, "-e", cron.environment)
    return shlex.join(command)


def _escaped(command: str) -> str:
    return command.replace("%", r"\%")


def _head(cron: Cron) -> Iterator[str]:
    yield f"# Written by `clmdeploy schedule install -e {cron.environment} --cron`. Times are in this host's zone."
    yield "SHELL=/bin/sh"
    yield "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    yield f"MAILTO={cron.mail_to}" if cron.mail_to else 'MAILTO=""'
