"""How long `clmdeploy --help` takes, beside the import of the library that any such program needs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.measure import timed

ROUNDS = 12


@dataclass(frozen=True)
class StartUp:
    """Medians in seconds."""

    help: float
    click: float

    @property
    def ratio(self) -> float:
        return self.help / self.click


def measure_start_up(rounds: int = ROUNDS) -> StartUp:
    """Both, one after the other, `rounds` times; the first round only fills the caches."""
    own = [str(Path(sys.executable).parent / "clmdeploy"), "--help"]
    click = [sys.executable, "-c", "import click"]
    pairs = [(timed(own, os.environ), timed(click, os.environ)) for _ in range(rounds + 1)][1:]
    return StartUp(median(first for first, _ in pairs), median(second for _, second in pairs))
