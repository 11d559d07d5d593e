"""What the benchmark found, for people and for programs, and which targets are met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.measure import Memory
from tests.bench.race import Results
from tests.bench.startup import StartUp

OURS, SSH, PLAYBOOK = "clmdeploy", "parallel ssh", "plain playbook"
_NAMES = (OURS, SSH, PLAYBOOK)

WHAT = f"""\
{OURS}: `clmdeploy deploy --strategy all-at-once`: lease, signed plan and journal, facts, staging by digest, switch,
  health and version of every service, pruning
{SSH}: `ssh HOST tar xz` to all at once, symlink, daemon-reload, restart; no check, no health, no journal, no way back
{PLAYBOOK}: ansible-playbook, a dozen small tasks (tests/bench/plain/deploy.yml), pipelining, a fork for every host
"""


@dataclass(frozen=True)
class Goal:
    """A number that must not be above its limit, or with `at_least` not below it."""

    what: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.at_least else "at most"
        return (
            f"{'met   ' if self.met else 'MISSED'}  {self.what}: {self.measured:.3g} (target: {bound} {self.limit:g})"
        )


@dataclass(frozen=True)
class Report:
    """All figures of one run. `machine`: what it ran on."""

    machine: dict[str, Any]
    sizes: Sequence[int]
    results: Results
    memory: Memory
    start_up: StartUp

    def goals(self) -> Iterator[Goal]:
        """The targets, at the largest number of hosts."""
        size = max(self.sizes)
        ours = self.results.seconds(OURS, size)
        yield Goal(f"{size} hosts: time of {OURS} ÷ {SSH}", ours / self.results.seconds(SSH, size), 5)
        faster = self.results.seconds(PLAYBOOK, size) / ours
        yield Goal(f"{size} hosts: time of {PLAYBOOK} ÷ {OURS}", faster, 4, at_least=True)
        yield Goal("peak memory of the control process, MiB", self.memory.own, 300)
        yield Goal("time of `clmdeploy --help` ÷ `python -c 'import click'`", self.start_up.ratio, 4)

    def text(self) -> str:
        """The table, what was compared, and the targets."""
        return "\n".join([*self._table(), "", WHAT, *self._footnotes(), "", *map(str, self.goals())])

    def json(self) -> dict[str, Any]:
        """Format bench/1; seconds and MiB."""
        times = {
            str(size): {
                name: {"median": self.results.seconds(name, size), "runs": self.results.runs[name, size]}
                for name in _NAMES
            }
            for size in self.sizes
        }
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals()]
        return {
            "format": "bench/1", "machine": self.machine, "seconds": times, "cut_short": self.results.cut_short,
            "memory": asdict(self.memory), "start_up": asdict(self.start_up), "targets": goals,
        }  # fmt: skip

    def _table(self) -> Iterator[str]:
        yield f"{'hosts':>5}  " + "  ".join(f"{name + ', s':>17}" for name in _NAMES) + "   ÷ ssh   playbook ÷"
        for size in self.sizes:
            ours, ssh, playbook = (self.results.seconds(name, size) for name in _NAMES)
            cells = "  ".join(f"{seconds:17.1f}" for seconds in (ours, ssh, playbook))
            yield f"{size:5}  {cells}  {ours / ssh:6.1f}  {playbook / ours:12.1f}"

    def _footnotes(self) -> Iterator[str]:
        counts = {name: len(self.results.runs[name, max(self.sizes)]) for name in _NAMES}
        runs = ", ".join(f"{name} {number}" for name, number in counts.items())
        yield f"Medians; runs on {max(self.sizes)} hosts: {runs}." + (
            " Time was short: not every round was run." if self.results.cut_short else ""
        )
        yield (
            f"Memory of a deploy to {max(self.sizes)} hosts, peaks in MiB: control process {self.memory.own:.0f}, "
            f"largest process below it {self.memory.ansible:.0f}, all together {self.memory.together:.0f}."
        )
        yield f"Start-up: --help {self.start_up.help * 1000:.0f} ms, import click {self.start_up.click * 1000:.0f} ms."
        yield f"Machine: {self.machine['cores']} cores, load when it began {self.machine['load']:.1f}."
