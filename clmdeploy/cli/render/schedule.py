"""The schedule: a table of the jobs for people, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from rich.text import Text

from clmdeploy.backups import schedule_layout as places
from clmdeploy.backups.jobs import Job
from clmdeploy.backups.run_ledger import RunLedger
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, make_table
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.schedule import ScheduleFacts
from clmdeploy.queries.scheduled import News


@dataclass(frozen=True)
class Shown:
    """What `schedule list` tells."""

    environment: str
    host: str
    zone: str
    jobs: Sequence[Job]
    facts: ScheduleFacts
    ledgers: dict[str, RunLedger]
    faults: Sequence[Bilingual] = ()
    """ledgers that can't be read"""

    @property
    def differences(self) -> tuple[str, ...]:
        return (*self.facts.account, *self.facts.configuration)

    def state(self, job: str) -> str:
        """`waiting`, `running`, `stopped` (its timer stands), `absent`."""
        timer = self.facts.units.get(places.unit(job, "timer"))
        service = self.facts.units.get(places.unit(job, "service"), {})
        if timer is None:
            return "absent"
        if service.get("ActiveState") in ("activating", "deactivating", "active"):
            return "running"
        return "waiting" if timer.get("ActiveState") == "active" else "stopped"

    def next(self, job: str) -> float | None:
        """When its timer starts it next."""
        return self.facts.next.get(places.unit(job, "timer"))

    @property
    def is_well(self) -> bool:
        """Everything is as declared and waits, every last run went well, and none was missed since."""
        return not self.differences and not self.faults and all(self.job_is_well(job.name) for job in self.jobs)

    def job_is_well(self, job: str) -> bool:
        ledger = self.ledgers.get(job)
        last = ledger.last_over if ledger else None
        missed = bool(ledger and ledger.misses and ledger.misses[-1].at > (ledger.last_success or 0.0))
        return self.state(job) in ("waiting", "running") and not missed and (last is None or last.result == "done")


def tell_schedule(invocation: Invocation, shown: Shown) -> None:
    """The jobs in the order of clm.yml; below what differs from it."""
    if invocation.json:
        click.echo(json.dumps(schedule_json(shown), ensure_ascii=False))
        return
    table = make_table(invocation, "scheduled", "state", "at", "next", "last_run", "result", "success", "missed")
    for job in shown.jobs:
        table.add_row(*_row(invocation, shown, job))
    make_console().print(table)
    for fault in shown.faults:
        click.echo(invocation.told(fault), err=True)
    for difference in shown.differences:
        click.echo(invocation.say("schedule.differs", what=printable(difference)), err=True)
    if not shown.facts.is_installed:
        click.echo(invocation.say("schedule.absent", environment=shown.environment), err=True)
    elif shown.differences:
        click.echo(invocation.say("schedule.drift", environment=shown.environment), err=True)


def schedule_json(shown: Shown) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    return {
        "format": "schedule/1", "environment": shown.environment, "host": shown.host,
        "installed": shown.facts.is_installed, "programs": list(shown.facts.programs),
        "well": shown.is_well, "differs": list(shown.differences), "faults": [str(one) for one in shown.faults],
        "jobs": [_job_json(shown, job) for job in shown.jobs],
    }  # fmt: skip


def check_json(environment: str, news: Sequence[News]) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    found = [
        {
            "job": one.job, "run": one.wrong.model_dump(mode="json") if one.wrong else None,
            "misses": [miss.model_dump(mode="json") for miss in one.misses],
        }
        for one in news
    ]  # fmt: skip
    return {"format": "schedule-check/1", "environment": environment, "news": found}


def _job_json(shown: Shown, job: Job) -> dict[str, JsonValue]:
    ledger = shown.ledgers.get(job.name, RunLedger(job=job.name))
    return {
        "job": job.name, "command": list(job.command), "at": list(job.at), "state": shown.state(job.name),
        "well": shown.job_is_well(job.name), "next": _iso(shown, shown.next(job.name)),
        "last": _run_json(shown, ledger), "last_success": _iso(shown, ledger.last_success),
        "missed": ledger.missed,
        "misses": [{"at": _iso(shown, miss.at), "why": miss.why} for miss in ledger.misses[-20:]],
    }  # fmt: skip


def _run_json(shown: Shown, ledger: RunLedger) -> JsonValue:
    run = ledger.last
    if run is None:
        return None
    return {
        "id": run.id, "started": _iso(shown, run.started), "ended": _iso(shown, run.ended), "result": run.result,
        "exit_code": run.exit_code, "detail": run.detail,
    }  # fmt: skip


def _row(invocation: Invocation, shown: Shown, job: Job) -> tuple[str | Text, ...]:
    ledger = shown.ledgers.get(job.name, RunLedger(job=job.name))
    last = ledger.last
    state = shown.state(job.name)
    result = "" if last is None else invocation.say(f"schedule.result_{last.result or 'open'}")
    if last is not None and last.exit_code:
        result += f" ({last.exit_code})"
    well = shown.job_is_well(job.name)
    return (
        job.name, Text(invocation.say(f"schedule.state_{state}"), style="" if well else "red"), ", ".join(job.at),
        _words(shown, shown.next(job.name)), _words(shown, last.started if last else None), result,
        _words(shown, ledger.last_success), str(ledger.missed),
    )  # fmt: skip


def _words(shown: Shown, at: float | None) -> str:
    return "-" if at is None else f"{datetime.fromtimestamp(at, ZoneInfo(shown.zone)):%Y-%m-%d %H:%M:%S}"


def _iso(shown: Shown, at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, ZoneInfo(shown.zone)).isoformat(timespec="seconds")
