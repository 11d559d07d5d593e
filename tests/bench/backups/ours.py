"""Contender: clmdeploy, through its command line, with everything it always does.

Leases, a signed plan and journal, checks before and after, a named moment in the log, the manifest, all signed.
"""

from __future__ import annotations

from tests.bench.backups.costs import run_watched
from tests.bench.backups.ground import Ground


class Ours:
    """Each act returns the peak memory of clmdeploy's own process, in MiB."""

    name = "clmdeploy"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def create(self, kind: str) -> float:
        """A restore point."""
        return self._run("backup", "create", "--type", kind, "-e", "lab", "--yes")

    def verify(self) -> float:
        """Every stored byte, the ledger notwithstanding."""
        return self._run("backup", "verify", "--all", "-e", "lab")

    def restore(self) -> float:
        """The newest point; no safety point before, which would be a backup more."""
        words = ("restore", "latest", "-e", "lab", "--no-safety-point", "a benchmark", "--start-workers")
        return self._run(*words, "--confirm", "lab", "--yes")

    def list(self) -> float:
        """A listing of all restore points."""
        return self._run("backup", "list", "-e", "lab")

    def _run(self, *words: str) -> float:
        line = self._ground.command_line
        return run_watched(line.argv(*words), line.environ)
