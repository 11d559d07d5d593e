"""Contender: `ssh HOST tar x` to all hosts at once, then the symlink and a restart. The least that can be done.

No check of what arrived, no journal, no health, no way back, nothing pruned; a failing host is found by its exit code.
"""

from __future__ import annotations

import subprocess
import tarfile
import time

from clmdeploy.model.hosts import Host
from tests.bench.application import Place, write_tree
from tests.bench.ground import Ground
from tests.bench.measure import ContenderFailed

PLACE = Place("ssh", "/opt/bench-ssh", 8081)

_SCRIPT = """\
set -e
mkdir -p {root}/releases/{version}
tar -xzf - -C {root}/releases/{version}
ln -sfn releases/{version} {root}/current.new
mv -T {root}/current.new {root}/current
ln -sf {root}/current/units/{unit} /etc/systemd/system/{unit}
systemctl daemon-reload
systemctl restart {unit}
"""


class ParallelSsh:
    """See the module."""

    name = "parallel ssh"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def prepare(self, version: str) -> None:
        """Pack the bundle."""
        tree = write_tree(version, self._ground.scratch / f"ssh-{version}", PLACE)
        with tarfile.open(self._bundle(version), "w:gz", compresslevel=1) as archive:
            archive.add(tree, ".")

    def deploy(self, version: str, size: int) -> float:
        """Seconds until every ssh has ended."""
        script = _SCRIPT.format(root=PLACE.root, version=version, unit=PLACE.unit)
        begun = time.monotonic()
        running = {host.name: self._start(host, version, script) for host in self._ground.hosts(size)}
        failed = [f"{name}: {self._said(process)}" for name, process in running.items() if process.wait(120) != 0]
        seconds = time.monotonic() - begun
        if failed:
            raise ContenderFailed("\n".join(failed))
        return seconds

    def _bundle(self, version: str) -> str:
        return str(self._ground.scratch / f"ssh-{version}.tar.gz")

    def _start(self, host: Host, version: str, script: str) -> subprocess.Popen[bytes]:
        options = [word for key, value in self._ground.ssh_options().items() for word in ("-o", f"{key}={value}")]
        argv = [
            "ssh", "-F", "none", "-i", str(host.identity_file), *options, f"{host.user}@{host.address}",
            f"sudo -n sh -c '{script}'",
        ]  # fmt: skip
        with open(self._bundle(version), "rb") as bundle:
            return subprocess.Popen(argv, stdin=bundle, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    @staticmethod
    def _said(process: subprocess.Popen[bytes]) -> str:
        assert process.stderr is not None
        with process.stderr as said:
            return f"exit code {process.returncode}: {said.read().decode(errors='replace').strip()}"
