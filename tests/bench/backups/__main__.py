"""`make bench`: what backups cost beside the bare engines called by hand, on a lab of real hosts.

    python -m tests.bench.backups [--json] [--size 300] [--rounds 5] [--acts full,clustered,...] [--points 1000]

Takes half an hour. The exit code is 0 when everything could be measured; a missed target is said, not punished.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from tests.bench.backups.bare import Bare
from tests.bench.backups.costs import Cost, Meter
from tests.bench.backups.ground import Ground
from tests.bench.backups.ours import Ours
from tests.bench.backups.points import measure_listing
from tests.bench.backups.report import Results

Contender = Ours | Bare
_CLUSTERED, _SCATTERED = 0.01, 0.0005  # parts of database and files that change before an incremental backup


def tell(line: str) -> None:
    """Progress; the figures alone go to standard output."""
    print(line, file=sys.stderr, flush=True)


def full(contender: Contender, _ground: Ground) -> Callable[[], float]:
    return lambda: contender.create("full")


def clustered(contender: Contender, ground: Ground) -> Callable[[], float]:
    ground.change(_CLUSTERED, scattered=False)
    return lambda: contender.create("incr")


def scattered(contender: Contender, ground: Ground) -> Callable[[], float]:
    ground.change(_SCATTERED, scattered=True)
    return lambda: contender.create("incr")


def verify(contender: Contender, _ground: Ground) -> Callable[[], float]:
    return contender.verify


def restore(contender: Contender, ground: Ground) -> Callable[[], float]:
    ground.change(_CLUSTERED, scattered=False)
    return contender.restore


ACTS = {
    "full": full, "clustered": clustered, "scattered": scattered, "verify": verify, "restore": restore
}  # fmt: skip
"""name → prepares a turn, unmeasured, and returns what is measured"""


def main() -> int:
    """Put a lab up, let both work in turn, print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backups", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--size", type=int, default=300, help="database in MB; half as much of files [%(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, for the median [%(default)s]")
    parser.add_argument("--acts", default=",".join(ACTS), help="what is measured [%(default)s]")
    parser.add_argument("--points", type=int, default=1000, help="restore points to list; 0: none [%(default)s]")
    options = parser.parse_args()
    name = f"benchb{os.getpid()}"
    try:
        with tempfile.TemporaryDirectory(prefix="clmdeploy-bench-") as scratch:
            lab = Lab.up(LabSpec(name=name, apps=1), tell)
            results = measure(Ground(lab, Path(scratch), options.size * 1_000_000), options)
    finally:
        take_down(name)
    print(json.dumps(results.json()) if options.json else results.text())
    return 0


def measure(ground: Ground, options: argparse.Namespace) -> Results:
    """All figures. One full backup, which nobody times, comes first."""
    machine = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    tell("setting hosts and backups up")
    ground.prepare()
    contenders, meter = (Ours(ground), Bare(ground)), Meter(ground.lab)
    contenders[0].create("full")
    runs: dict[tuple[str, str], list[Cost]] = {}
    for round_number in range(1, options.rounds + 1):
        for act in options.acts.split(","):
            for contender in contenders:
                cost = meter.measured(ACTS[act](contender, ground))
                runs.setdefault((act, contender.name), []).append(cost)
                if act == "restore":
                    ground.settle()
                tell(f"round {round_number}: {act}: {contender.name}: {cost.wall:.1f} s, {cost.processor:.1f} CPU-s")
    listings = measure_listing(ground, options.points) if options.points else []
    return Results(machine, ground.size, runs, listings, options.points)


if __name__ == "__main__":
    sys.exit(main())
