"""How scheduled jobs keep account of themselves, on a host in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from clmdeploy.backups.jobs import Job
from clmdeploy.backups.metrics import Measures
from clmdeploy.backups.run_ledger import LATE, Run, RunLedger
from clmdeploy.model.errors import UsageError
from clmdeploy.planners.schedule import ScheduleFacts
from clmdeploy.queries.schedule import ledgers_of
from clmdeploy.queries.scheduled import Jobs, wal_lag
from clmdeploy.queries.wal import Archiving

VERIFY = Job("verify", ("backup", "verify"), ("05:00",), is_change=False)
FULL = Job("backup-full", ("backup", "create", "--type", "full"), ("02:00",))
START = datetime(2026, 11, 23, 2, tzinfo=UTC)


@dataclass
class Book:
    ledgers: dict[str, RunLedger] = field(default_factory=dict)
    metrics: str = ""

    def read(self, job: str) -> RunLedger:
        return self.ledgers.get(job, RunLedger(job=job))

    def change(self, job: str, change: Callable[[RunLedger], RunLedger]) -> RunLedger:
        self.ledgers[job] = change(self.read(job))
        return self.ledgers[job]

    def publish(self, metrics: str) -> None:
        self.metrics = metrics


@dataclass
class Host:
    """Is its own clock. `alive`: IDs of runs whose process lives."""

    at: datetime = START
    boot: str = "boot-1"
    run_id: str = ""
    alive: set[str] = field(default_factory=set)
    ended: tuple[str, str, str] = ("", "", "")
    times: tuple[float, ...] = ()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def own_run(self, now: float) -> Run:
        self.alive.add(self.run_id)
        return Run(id=self.run_id, started=now, boot=self.boot, process=1)

    def lives(self, run: Run) -> bool:
        return run.boot == self.boot and run.id in self.alive

    def ended_by(self) -> tuple[str, str, str]:
        return self.ended

    def installed(self, _job: str) -> float | None:
        return START.timestamp() - 1

    def due(self, _calendars: Sequence[str], after: float, until: float) -> Sequence[float]:
        return [at for at in self.times if after < at <= until]


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def jobs(host: Host) -> Jobs:
    return Jobs("lab", (FULL, VERIFY), 0.0, Book(), host, host)


def begun(jobs: Jobs, host: Host, run_id: str = "run-1") -> Run:
    host.run_id = run_id
    run = jobs.begin(FULL)
    host.sleep(60)
    return run


def test_a_job_that_is_not_declared_is_refused_by_name(jobs: Jobs) -> None:
    """The hint has those that are."""
    with pytest.raises(UsageError, match="backup-incr") as refused:
        jobs.job("backup-incr")
    assert refused.value.hint == "it has: backup-full, verify"


def test_of_a_change_its_own_command_has_told_people(jobs: Jobs, host: Host) -> None:
    """So nobody is told twice; what concludes the run finds nothing to say either."""
    assert jobs.end(FULL, begun(jobs, host), 6).wrong is None
    host.alive.clear()
    assert jobs.conclude(FULL).wrong is None


def test_a_verification_that_found_damage_is_told(jobs: Jobs, host: Host) -> None:
    """It is no change, and tells nobody by itself."""
    host.run_id = "run-1"
    news = jobs.end(VERIFY, jobs.begin(VERIFY), 10)
    assert news.wrong is not None
    assert news.wrong.exit_code == 10


def test_a_killed_run_is_told_with_what_systemd_knows_of_it(jobs: Jobs, host: Host) -> None:
    """Once: a later look finds it ended."""
    begun(jobs, host)
    host.alive.clear()
    host.ended = ("signal", "killed", "KILL")
    wrong = jobs.conclude(FULL).wrong
    assert wrong is not None
    assert (wrong.result, wrong.detail) == ("killed", "signal, killed, KILL")
    assert jobs.conclude(FULL).wrong is None
    assert jobs.check() == []


def test_a_run_at_work_is_left_alone(jobs: Jobs, host: Host) -> None:
    """The daily check comes in the middle of it."""
    begun(jobs, host)
    assert jobs.check() == []


def test_after_another_boot_no_run_is_at_work(jobs: Jobs, host: Host) -> None:
    """Whatever process has its number now."""
    begun(jobs, host)
    host.boot, host.run_id = "boot-2", ""
    (news,) = jobs.check()
    assert news.wrong is not None
    assert news.wrong.result == "lost"


def test_a_time_is_judged_once_no_run_can_come_any_more(jobs: Jobs, host: Host) -> None:
    """Not before; then once."""
    host.times = (START.timestamp() + 100,)
    host.sleep(100 + LATE - 1)
    assert jobs.check() == []
    host.sleep(2)
    assert [(news.job, len(news.misses)) for news in jobs.check()] == [("backup-full", 1), ("verify", 1)]
    assert jobs.check() == []


def test_what_was_due_before_the_installation_was_nobodys_to_run(jobs: Jobs, host: Host) -> None:
    """Nobody is told of it."""
    host.times = (START.timestamp() - 1000,)
    host.sleep(1000)
    assert jobs.check() == []


def test_metrics_have_all_jobs(jobs: Jobs, host: Host) -> None:
    """Each time all of them, in one file."""
    begun(jobs, host)
    jobs.publish(Measures())
    assert isinstance(jobs.book, Book)
    assert 'clm_schedule_running{environment="lab",job="backup-full"} 1' in jobs.book.metrics
    assert 'clm_schedule_missed_total{environment="lab",job="verify"} 0' in jobs.book.metrics


def test_the_log_lags_since_the_last_segment_that_was_stored() -> None:
    """Nothing where it is sound, and no number where nobody can tell."""
    now = START.timestamp()
    assert wal_lag(Archiving(state="sound"), now) == 0
    assert wal_lag(Archiving(state="stalled", since=START - timedelta(minutes=5)), now) == 300
    assert wal_lag(Archiving(state="unknown"), now) is None


def test_a_broken_ledger_is_named_and_hides_no_other() -> None:
    """With what to do about it; `schedule list` shows the rest."""
    facts = ScheduleFacts(ledgers={"verify": None, "expire": {"format": "run-ledger/1", "job": "expire"}})
    ledgers, faults = ledgers_of(facts)
    assert set(ledgers) == {"expire"}
    assert ["/var/lib/clm-schedule/ledgers/verify.json" in one for one in faults] == [True]
