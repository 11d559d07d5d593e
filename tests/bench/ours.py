"""Contender: clmdeploy, through its command line, with everything it always does.

Leases, journal before each act, signatures and digests checked, guard, health and version of each service, pruning.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clmdeploy.changes.guarded import Outcome
from clmdeploy.releases.bundle import build
from clmdeploy.runtime import Runtime
from tests.bench.application import Place, write_tree
from tests.bench.ground import Ground
from tests.bench.measure import ContenderFailed, Memory, memory_of, timed

PLACE = Place("clmdeploy", "/opt/clm", 8080)


class Ours:
    """See the module."""

    name = "clmdeploy"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def set_up_hosts(self) -> None:
        """Prepare all hosts of the lab; not part of what is measured, as the service account is not the others'."""
        runtime = self._runtime()
        outcomes = runtime.prepare(runtime.environment.hosts, _unheard, check=False)
        failed = {name: outcome.message for name, outcome in outcomes.items() if not outcome.is_done}
        if failed:
            raise ContenderFailed(f"host setup: {failed}")

    def prepare(self, version: str) -> None:
        """Build, sign and publish the release."""
        runtime, place = self._runtime(), self._ground.scratch / f"clmdeploy-{version}"
        built = build(write_tree(version, place / "source", PLACE), place)
        runtime.catalogue.publish(built, runtime.signer.sign("clmdeploy.release", built.document))

    def deploy(self, version: str, size: int) -> float:
        """Seconds from the start of the program to its end."""
        return timed(self.command(version, size), self._environment(size))

    def memory(self, version: str, size: int) -> Memory:
        """The peaks of such a deploy."""
        return memory_of(self.command(version, size), self._environment(size))

    def command(self, version: str, size: int) -> list[str]:
        """What an administrator would type."""
        return [
            str(Path(sys.executable).parent / "clmdeploy"), "--inventories", str(self._ground.inventories(size)),
            "deploy", version, "-e", self._ground.environment, "--strategy", "all-at-once", "--yes",
        ]  # fmt: skip

    def _environment(self, _size: int) -> dict[str, str]:
        return {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "USER") if key in os.environ}

    def _runtime(self) -> Runtime:
        return Runtime.of(self._ground.inventories(self._ground.largest), self._ground.environment)


def _unheard(key: str, outcome: Outcome) -> None:
    """Set-up is not shown as it goes."""
