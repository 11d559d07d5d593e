"""The ledger of a job's runs: what began, how it ended, what never began. Times are seconds since 1970. Pure.

systemd keeps no stamp of a timer that must not catch up (Persistent=false), so after a reboot nobody but this ledger
knows what ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field

from clmdeploy.backups.jobs import JOB_NAME
from clmdeploy.model.value import Value

MOST_KEPT = 200  # runs, and misses, that a ledger remembers
EARLY, LATE = 2.0, 60.0  # seconds that a start may be off its time, beside the random delay

Result = Literal["done", "failed", "killed", "lost"]
"""failed: it said so itself · killed: ended by a signal or the time limit · lost: its host went down with it"""


class Run(Value):
    """One run."""

    id: str = Field(min_length=1, max_length=64, description="systemd's invocation ID, or one of our own")
    started: float
    boot: str = Field("", description="boot ID of the host: after another boot it can't be at work any more")
    process: int = Field(0, description="its process ID")
    process_start: int = Field(0, description="when that process began, in clock ticks since boot: IDs are used again")
    ended: float | None = None
    result: Result | None = Field(None, description="null: it is at work, or nobody has looked since")
    exit_code: int | None = Field(None, description="clmdeploy's own, where it came to that")
    detail: str = Field("", max_length=200, description="how it was ended: the signal, the time limit")

    @property
    def is_over(self) -> bool:
        return self.result is not None


class Miss(Value):
    """A time at which a run should have begun, and none did."""

    at: float
    why: Literal["overlap", "absent"]
    """overlap: the run before was still at work · absent: the host, or its timer, was not there"""


class RunLedger(Value):
    """Of one job."""

    format: Literal["run-ledger/1"] = "run-ledger/1"
    job: str = Field(pattern=JOB_NAME)
    runs: tuple[Run, ...] = Field((), description="oldest first")
    misses: tuple[Miss, ...] = Field((), description="oldest first")
    missed: int = Field(0, ge=0, description="all that were ever missed")
    last_success: float | None = None
    checked: float | None = Field(None, description="up to here every time that was due is accounted for")

    @property
    def open_runs(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if not run.is_over)

    @property
    def last(self) -> Run | None:
        """The newest run, at work or over."""
        return self.runs[-1] if self.runs else None

    @property
    def last_over(self) -> Run | None:
        """The newest run whose end is known."""
        return next((run for run in reversed(self.runs) if run.is_over), None)

    def run(self, run_id: str) -> Run | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def begun(self, run: Run) -> Self:
        """With a run that begins now; one of this ID that is there already stays as it is."""
        if self.run(run.id) is not None:
            return self
        return self.model_copy(update={"runs": (*self.runs, run)[-MOST_KEPT:]})

    def over(self, run_id: str, ended: float, result: Result, exit_code: int | None, detail: str = "") -> Self:
        """With the end of a run; what was known of its end before stays."""
        end = {"ended": ended, "result": result, "exit_code": exit_code, "detail": detail[:200]}
        runs = tuple(
            run.model_copy(update=end) if run.id == run_id and not run.is_over else run for run in self.runs
        )  # fmt: skip
        success = {"last_success": ended} if result == "done" and runs != self.runs else {}
        return self.model_copy(update={"runs": runs, **success})

    def accounted(self, due: Iterable[float], until: float, delay: float) -> Self:
        """With every time of `due` that no run began at as a miss. `until`: what is due later is not judged yet.

        `delay`: the longest random delay of a start.
        """
        fresh = tuple(Miss(at=at, why=self._why(at)) for at in sorted(due) if not self._is_met(at, delay))
        update = {
            "misses": (*self.misses, *fresh)[-MOST_KEPT:], "missed": self.missed + len(fresh), "checked": until,
        }  # fmt: skip
        return self.model_copy(update=update)

    def _is_met(self, at: float, delay: float) -> bool:
        return any(at - EARLY <= run.started <= at + delay + LATE for run in self.runs)

    def _why(self, at: float) -> Literal["overlap", "absent"]:
        """systemd starts nothing, and queues nothing, while the unit is at work."""
        busy = any(
            run.started < at and (run.ended is None or run.ended > at) and run.result != "lost" for run in self.runs
        )
        return "overlap" if busy else "absent"
