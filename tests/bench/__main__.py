"""`make bench`: how long a deploy takes beside what people do without this tool, on a lab of real hosts.

    python -m tests.bench [--json] [--hosts 3,10,20] [--rounds 3]

Takes 4 to 8 minutes. The exit code is 0 when everything could be measured; a missed target is said, not punished.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from tests.bench.ground import Ground
from tests.bench.ours import Ours
from tests.bench.parallel_ssh import ParallelSsh
from tests.bench.plain_playbook import PlainPlaybook
from tests.bench.race import Entry, run_race
from tests.bench.report import Report
from tests.bench.startup import measure_start_up

PLAYBOOK_ROUNDS = 2
REPEAT_LIMIT = 360.0  # seconds since the start, after which nothing is run a second time


def tell(line: str) -> None:
    """Progress; the figures alone go to standard output."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Put a lab up, let the contenders race, print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--hosts", default="3,10,20", help="numbers of application hosts [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, for the median [%(default)s]")
    options = parser.parse_args()
    deadline = time.monotonic() + REPEAT_LIMIT
    sizes = sorted(int(number) for number in options.hosts.split(","))
    name = f"bench{os.getpid()}"
    spec = LabSpec(name=name, apps=max(sizes), workers=0, databases=0, backup=False)
    try:
        with tempfile.TemporaryDirectory(prefix="clmdeploy-bench-") as scratch:
            report = measure(Ground(Lab.up(spec, tell), Path(scratch), tuple(sizes)), options.rounds, deadline)
    finally:
        take_down(name)
    print(json.dumps(report.json()) if options.json else report.text())
    return 0


def measure(ground: Ground, rounds: int, deadline: float) -> Report:
    """All figures. The first deploy of each, which no later one resembles, is not timed."""
    machine = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    start_up = measure_start_up()
    ours, ssh, playbook = Ours(ground), ParallelSsh(ground), PlainPlaybook(ground)
    tell("setting hosts up")
    ours.set_up_hosts()
    ours.prepare("1.0.0")
    memory = ours.memory("1.0.0", ground.largest)
    ssh.prepare("1.0.0")
    ssh.deploy("1.0.0", ground.largest)
    tell("racing")
    entries = [Entry(ours, rounds), Entry(ssh, rounds), Entry(playbook, min(rounds, PLAYBOOK_ROUNDS))]
    return Report(machine, ground.sizes, run_race(entries, ground.sizes, deadline, tell), memory, start_up)


if __name__ == "__main__":
    sys.exit(main())
