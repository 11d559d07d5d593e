"""What the race found, for people and for programs, and which targets are met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench.backups.costs import Cost
from tests.bench.report import Goal

OURS, BARE = "clmdeploy", "bare engines"
_MEGABYTE = 1e6
_SLACK, _SHARE = 5.0, 0.02  # seconds and part of the bare engines' time that clmdeploy may add

WHAT = f"""\
{OURS}: `backup create`, `backup verify --all`, `restore latest`: lease, signed plan and journal, checks of repository
  and log, a named moment in the log, the point's manifest; a restore with everything stopped, standby, release and
  cross-check of rows and files
{BARE}: `pgbackrest backup`, `restic backup`; `pgbackrest verify`, `restic check --read-data`; `pgbackrest restore` of
  primary and standby, `restic restore`: by hand, the same configuration, nothing checked before or after
"""


@dataclass(frozen=True)
class Results:
    """Costs by act and contender, in the order of the runs; seconds of each listing of `points` restore points."""

    machine: Mapping[str, Any]
    database: int
    runs: Mapping[tuple[str, str], Sequence[Cost]]
    listings: Sequence[float]
    points: int

    @property
    def acts(self) -> list[str]:
        return list(dict.fromkeys(act for act, _name in self.runs))

    def median(self, act: str, name: str) -> Cost:
        """Each figure's own."""
        costs = self.runs[act, name]
        return Cost(
            median(cost.wall for cost in costs), median(cost.processor for cost in costs),
            int(median(cost.stored for cost in costs)), max(cost.memory for cost in costs),
        )  # fmt: skip

    def goals(self) -> Iterator[Goal]:
        """The targets."""
        for act in self.acts:
            ours, bare = self.median(act, OURS), self.median(act, BARE)
            yield Goal(f"{act}: seconds of {OURS}", ours.wall, round(bare.wall * (1 + _SHARE) + _SLACK, 1))
        peak = max(cost.memory for costs in self.runs.values() for cost in costs)
        yield Goal(f"peak memory of {OURS}'s own process, MiB", peak, 200)
        if self.listings:
            yield Goal(f"seconds to list {self.points} restore points", median(self.listings), 1)

    def text(self) -> str:
        """The table, what was compared, and the targets."""
        return "\n".join([*self._table(), "", WHAT, *self._footnotes(), "", *map(str, self.goals())])

    def json(self) -> dict[str, Any]:
        """Format bench-backups/1; seconds, bytes and MiB."""
        runs = {
            act: {name: [asdict(cost) for cost in self.runs[act, name]] for name in (OURS, BARE)} for act in self.acts
        }
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals()]
        return {
            "format": "bench-backups/1", "machine": dict(self.machine), "database": self.database, "runs": runs,
            "listings": list(self.listings), "points": self.points, "targets": goals,
        }  # fmt: skip

    def _table(self) -> Iterator[str]:
        yield f"{'':34}{'wall, s':>9}{'CPU, s':>9}{'stored, MB':>12}{'memory, MiB':>13}"
        for act in self.acts:
            for name in (OURS, BARE):
                cost = self.median(act, name)
                memory = f"{cost.memory:13.0f}" if cost.memory else f"{'':13}"
                stored = f"{cost.stored / _MEGABYTE:12.1f}"
                yield f"{act:<20}{name:<14}{cost.wall:9.1f}{cost.processor:9.1f}{stored}{memory}"

    def _footnotes(self) -> Iterator[str]:
        rounds = min(len(costs) for costs in self.runs.values())
        yield f"Medians of {rounds} runs, in turn; database {self.database / _MEGABYTE:.0f} MB, half as much of files."
        yield "CPU: of all hosts and the control node together. Stored: what the bucket has more of afterwards."
        yield f"Machine: {self.machine['cores']} cores, load when it began {self.machine['load']:.1f}."
