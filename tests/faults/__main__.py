"""`make faults`: the whole matrix of faults on a lab of its own.

    python -m tests.faults [--family NAME]... [--only TEXT] [--shard 1/4] [--list]

The exit code is 1 when a case did not survive.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from tests.faults.ground import Ground, standing
from tests.faults.matrix import FAMILIES
from tests.faults.run import Row, run_cases, table


def tell(line: str) -> None:
    """Progress; the table alone goes to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Put a lab up, run what was chosen, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="only this one; may be repeated")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument("--shard", default="1/1", help="every Nth case: I/N [%(default)s]")
    parser.add_argument("--list", action="store_true", help="name the cases, and run none")
    options = parser.parse_args()
    for stopping in (signal.SIGINT, signal.SIGTERM):  # in a script's background SIGINT is ignored unless asked for
        signal.signal(stopping, signal.default_int_handler)
    name, rows = f"flt{os.getpid()}", list[Row]()
    try:
        with tempfile.TemporaryDirectory(prefix="clmdeploy-faults-") as scratch:
            lab = Lab.up(LabSpec(name=name, apps=2), tell)
            with standing(lab, Path(scratch)) as ground:
                _run(ground, options, rows)
    except KeyboardInterrupt:
        tell("interrupted: what follows is a part")
    finally:
        print(table(rows), flush=True)  # also when what follows it is a traceback
        take_down(name)
    return 1 if any(row.fault for row in rows) else 0


def _run(ground: Ground, options: argparse.Namespace, rows: list[Row]) -> None:
    """Adds to `rows` as it goes, so that an interrupted run has something to show."""
    families = [FAMILIES[name] for name in options.family or FAMILIES]
    cases = [one for family in families for one in family.cases(ground) if options.only in one.name]
    shard, shards = (int(number) for number in options.shard.split("/"))
    chosen = list(islice(cases, shard - 1, None, shards))
    tell(f"{len(chosen)} of {len(cases)} cases")
    if options.list:
        print("\n".join(f"{case.family}: {case.name}" for case in chosen))
    else:
        rows.extend(run_cases(ground, chosen, tell))


if __name__ == "__main__":
    sys.exit(main())
