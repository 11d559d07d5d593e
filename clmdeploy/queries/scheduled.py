"""The scheduled jobs as they themselves see to them: what began, what ended, what never was, what metrics tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from clmdeploy.backups.jobs import Job
from clmdeploy.backups.metrics import Measures, exposition, families_of
from clmdeploy.backups.run_ledger import LATE, Miss, Result, Run, RunLedger
from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.ports import Clock, Performer
from clmdeploy.config.backup_hosts import parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, UsageError
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.queries.points import Points
from clmdeploy.queries.wal import Archiving

_TRIAL = b"a trial of `clmdeploy schedule check`"
_PATIENCE = 60  # seconds


class LedgerBook(Protocol):
    """Where ledgers and metrics are kept."""

    def read(self, job: str) -> RunLedger: ...

    def change(self, job: str, change: Callable[[RunLedger], RunLedger]) -> RunLedger: ...

    def publish(self, metrics: str) -> None: ...


class JobHost(Protocol):
    """The machine that the jobs run on."""

    @property
    def run_id(self) -> str: ...

    @property
    def boot(self) -> str: ...

    def own_run(self, now: float) -> Run: ...

    def lives(self, run: Run) -> bool: ...

    def ended_by(self) -> tuple[str, str, str]: ...

    def installed(self, job: str) -> float | None: ...

    def due(self, calendars: Sequence[str], after: float, until: float) -> Sequence[float]: ...


@dataclass(frozen=True)
class News:
    """What has to be told: a run that went wrong and told nobody, or times at which none began."""

    job: str
    wrong: Run | None = None
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True)
class Jobs:
    """All jobs of one environment on this machine."""

    environment: str
    jobs: tuple[Job, ...]
    random_delay: float
    book: LedgerBook
    host: JobHost
    clock: Clock

    def job(self, name: str) -> Job:
        """Raises UsageError naming those that there are."""
        found = next((job for job in self.jobs if job.name == name), None)
        if found is None:
            names = ", ".join(job.name for job in self.jobs)
            raise UsageError(
                Bilingual(f"clm.yml schedules no job {name!r}", f"в clm.yml нет задания {name!r}"),
                Bilingual(f"it has: {names}", f"есть: {names}"),
            )
        return found

    def begin(self, job: Job) -> Run:
        """This process is a run of the job."""
        run = self.host.own_run(self._now)
        self.book.change(job.name, lambda ledger: ledger.begun(run))
        return run

    def end(self, job: Job, run: Run, exit_code: int) -> News:
        """It ended by itself. Of a change the command itself has told people."""
        result: Result = "done" if exit_code == 0 else "failed"
        ledger = self.book.change(job.name, lambda known: known.over(run.id, self._now, result, exit_code))
        untold = result == "failed" and not job.is_change
        return News(job.name, ledger.run(run.id) if untold else None)

    def conclude(self, job: Job) -> News:
        """After the run's process is gone, however: what it could not say itself, and what should have begun since."""
        result, code, status = self.host.ended_by()
        detail = ", ".join(filter(None, (result, code, status)))
        return self._accounted(job, detail)

    def check(self) -> list[News]:
        """Of all jobs: runs that went down with their host, and times at which none began."""
        return [news for news in (self._accounted(job, "") for job in self.jobs) if news.wrong or news.misses]

    def publish(self, measures: Measures) -> None:
        """The metrics of all jobs, anew."""
        ledgers = [self.book.read(job.name) for job in self.jobs]
        self.book.publish(exposition(families_of(self.environment, ledgers, measures)))

    def _accounted(self, job: Job, detail: str) -> News:
        now, before = self._now, self.book.read(job.name)
        after = self.book.change(job.name, lambda ledger: self._settled(job, ledger, now, detail))
        known = {run.id for run in before.open_runs}
        cut_off = next((run for run in reversed(after.runs) if run.id in known and run.is_over), None)
        return News(job.name, cut_off, after.misses[max(0, len(after.misses) - (after.missed - before.missed)) :])

    def _settled(self, job: Job, ledger: RunLedger, now: float, detail: str) -> RunLedger:
        for run in ledger.open_runs:
            if not self.host.lives(run):
                lost = run.boot != self.host.boot
                words = "" if lost or run.id != self.host.run_id else detail
                ledger = ledger.over(run.id, now, "lost" if lost else "killed", None, words)
        until = now - self.random_delay - LATE
        after = max(ledger.checked or 0.0, self.host.installed(job.name) or 0.0) or now
        if after >= until:
            return ledger if ledger.checked is not None else ledger.accounted((), after, self.random_delay)
        return ledger.accounted(self.host.due(job.at, after, until), until, self.random_delay)

    @property
    def _now(self) -> float:
        return self.clock.now().timestamp()


def refuse_unable(environment: LoadedEnvironment, hosts: Performer, signer: Signer, verifier: Verifier) -> None:
    """Raises what is in the way of the next run: a key that may not sign, or hosts that can't be asked."""
    for namespace in (Namespace.PLAN, Namespace.JOURNAL, Namespace.POINT):
        verifier.verify(namespace, _TRIAL, signer.sign(namespace, _TRIAL))
    asked = [
        Guarded(
            key=host.name, host=host, environment=environment.settings.uuid, guard="ask", act="software", verb="ask",
            arguments={"programs": {}}, timeout=_PATIENCE,
        )
        for host in parties(environment).all
    ]  # fmt: skip
    outcomes = hosts.perform(asked, lambda _key, _outcome: None)
    silent = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
    if silent:
        raise HostUnreachable(lines(silent), f"clmdeploy host facts -e {environment.name}")


def wal_lag(found: Archiving, now: float) -> float | None:
    """Seconds since when the log does not reach the storage; 0 where it does, None where nobody can tell."""
    if found.state == "sound":
        return 0.0
    return max(0.0, now - found.since.timestamp()) if found.since is not None else None


def measures_of(found: Points, wal_lag: float | None = None) -> Measures:
    """What the catalogue knows, for metrics."""
    unverified = [one.point.created.timestamp() for one in found.points if one.verified is None]
    known = Measures(points=len(found.points), oldest_unverified=min(unverified, default=0.0), wal_lag=wal_lag)
    if not found.points:
        return known
    newest = found.points[0].point
    size = newest.database.size + sum(part.bytes for part in newest.files)
    return replace(known, newest=newest.completed.timestamp(), bytes=size)
