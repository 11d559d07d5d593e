"""Contender: plain `ansible-playbook` doing the same work in the usual dozen small tasks (plain/deploy.yml).

Facts are gathered, as by default; pipelining is on and every host has its fork. It starts with cold connections, as
the others do.
"""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.bench.application import Place, write_tree
from tests.bench.ground import KEEP_RELEASES, Ground
from tests.bench.measure import timed

PLACE = Place("playbook", "/opt/bench-playbook", 8082)
_SOURCES = Path(__file__).parent / "plain"


class PlainPlaybook:
    """See the module."""

    name = "plain playbook"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def prepare(self, version: str) -> None:
        """Pack the bundle."""
        tree = write_tree(version, self._ground.scratch / f"playbook-{version}", PLACE)
        with tarfile.open(self._bundle(version), "w:gz", compresslevel=1) as archive:
            archive.add(tree, ".")

    def deploy(self, version: str, size: int) -> float:
        """Seconds until ansible-playbook has ended."""
        program = str(Path(sys.executable).parent / "ansible-playbook")
        inventory = self._ground.inventories(size) / self._ground.environment / "hosts.yml"
        variables = {
            "root": PLACE.root, "port": str(PLACE.port), "unit": PLACE.unit, "version": version,
            "bundle": self._bundle(version), "keep": str(KEEP_RELEASES),
        }  # fmt: skip
        extra = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
        with tempfile.TemporaryDirectory(prefix="bench-") as home:
            argv = [program, "-i", str(inventory), *extra, str(_SOURCES / "deploy.yml")]
            return timed(argv, self._environment(home))

    def _bundle(self, version: str) -> str:
        return str(self._ground.scratch / f"playbook-{version}.tar.gz")

    def _environment(self, home: str) -> dict[str, str]:
        options = " ".join(f"-o {key}={value}" for key, value in self._ground.ssh_options().items())
        return {
            "PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "ANSIBLE_HOME": f"{home}/a",
            "ANSIBLE_CONFIG": str(_SOURCES / "ansible.cfg"), "ANSIBLE_SSH_COMMON_ARGS": f"-F none {options}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{home}/c",
        }  # fmt: skip
