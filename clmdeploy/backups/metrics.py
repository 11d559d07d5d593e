"""Prometheus' text format, for the node exporter's textfile collector. Pure.

Times stand in values and never beside a sample: the collector skips a whole file for one timestamp. One family has its
HELP and TYPE once, whatever number of jobs it has samples of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clmdeploy.backups.run_ledger import RunLedger

CODES: Mapping[str, int] = {"killed": 1, "lost": 1}
"""exit code that stands for a run which could not say one"""


@dataclass(frozen=True)
class Measures:
    """What is known of the restore points beside the runs; None: not known."""

    points: int | None = None
    newest: float | None = None
    """when the newest point was complete"""
    bytes: int | None = None
    """what it holds, as it would be restored"""
    oldest_unverified: float | None = None
    """when the oldest point was made that nobody has read back; 0: all were"""
    wal_lag: float | None = None
    """seconds that the newest log segment in the storage is behind the server's"""


@dataclass(frozen=True)
class Family:
    """One metric."""

    name: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]]
    type: str = "gauge"

    def lines(self) -> Iterator[str]:
        if not self.samples:
            return
        yield f"# HELP {self.name} {_escaped(self.help)}"
        yield f"# TYPE {self.name} {self.type}"
        for labels, value in self.samples:
            told = ",".join(f'{key}="{_escaped(text, quotes=True)}"' for key, text in labels.items())
            yield f"{self.name}{{{told}}} {_number(value)}"


def exposition(families: Iterable[Family]) -> str:
    """A whole file. Families without a sample are left out."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def families_of(environment: str, ledgers: Sequence[RunLedger], measures: Measures) -> tuple[Family, ...]:
    """Everything that is told of one environment's schedule."""
    return (*_of_runs(environment, ledgers), *_of_points(environment, measures))


def _of_runs(environment: str, ledgers: Sequence[RunLedger]) -> Iterator[Family]:
    def labelled(ledger: RunLedger) -> dict[str, str]:
        return {"environment": environment, "job": ledger.job}

    ended = [(labelled(ledger), run) for ledger in ledgers if (run := ledger.last_over) is not None]
    yield Family(
        "clm_schedule_last_success_timestamp_seconds", "When the job last ended well.",
        [(labelled(one), one.last_success) for one in ledgers if one.last_success is not None],
    )  # fmt: skip
    yield Family(
        "clm_schedule_last_run_timestamp_seconds", "When the job last began.",
        [(labelled(one), one.last.started) for one in ledgers if one.last is not None],
    )  # fmt: skip
    yield Family(
        "clm_schedule_last_duration_seconds", "How long the last run that ended took.",
        [(labels, max(0.0, (run.ended or run.started) - run.started)) for labels, run in ended],
    )  # fmt: skip
    yield Family(
        "clm_schedule_last_result", "Whether the last run that ended went well: 1 yes, 0 no.",
        [(labels, float(run.result == "done")) for labels, run in ended],
    )  # fmt: skip
    yield Family(
        "clm_schedule_last_exit_code", "Exit code of the last run that ended; 1 where it was killed.",
        [(labels, float(run.exit_code if run.exit_code is not None else CODES.get(str(run.result), 0)))
         for labels, run in ended],
    )  # fmt: skip
    yield Family(
        "clm_schedule_running", "Whether the job is at work: 1 yes, 0 no.",
        [(labelled(one), float(bool(one.open_runs))) for one in ledgers],
    )  # fmt: skip
    yield Family(
        "clm_schedule_missed_total", "Runs that should have begun and never did.",
        [(labelled(one), float(one.missed)) for one in ledgers], "counter",
    )  # fmt: skip


def _of_points(environment: str, measures: Measures) -> Iterator[Family]:
    told = (
        ("clm_backup_points", "Restore points that are there.", measures.points),
        ("clm_backup_newest_timestamp_seconds", "When the newest restore point was complete.", measures.newest),
        ("clm_backup_newest_bytes", "What the newest restore point holds, as it would be restored.", measures.bytes),
        ("clm_backup_oldest_unverified_timestamp_seconds",
         "When the oldest restore point was made that was never read back; 0: all were.", measures.oldest_unverified),
        ("clm_backup_wal_lag_seconds",
         "How far the newest WAL segment in the storage is behind the server.", measures.wal_lag),
    )  # fmt: skip
    for name, help_text, value in told:
        yield Family(name, help_text, [({"environment": environment}, float(value))] if value is not None else [])


def _escaped(text: str, *, quotes: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 3))
