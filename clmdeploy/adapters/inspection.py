"""What `doctor` can only find out on the spot: hosts as they are, and the machine that runs this program."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from paramiko import SSHException

import clmdeploy
from clmdeploy.adapters.connections import Connections
from clmdeploy.adapters.rundir import memory_directory
from clmdeploy.adapters.ssh import PARALLEL
from clmdeploy.adapters.wire import GUARD
from clmdeploy.model.checks import ControlNode, HostLook
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host
from clmdeploy.tasks.look import look


class SshInspector:
    """Implements the Inspector port of `queries.doctor` over Fabric connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def look(self, hosts: Sequence[Host], root: str) -> dict[str, HostLook]:
        """All hosts side by side; one that does not answer costs no more than the time limit of a connection."""
        with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="look") as pool:
            return dict(
                zip((host.name for host in hosts), pool.map(lambda host: self._one(host, root), hosts), strict=True)
            )

    def _one(self, host: Host, root: str) -> HostLook:
        try:
            return look(self._connections.to(host), root, GUARD)
        except HostUnreachable as error:
            return HostLook(reachable=False, cause=error.message, remedy=error.hint)
        except (OSError, EOFError, SSHException, ValueError) as error:
            cause = f"the connection broke: {error or type(error).__name__}"
            return HostLook(reachable=False, cause=cause, remedy="check the host and the network between")


def inspect_control_node() -> ControlNode:
    """What this machine has of what the work needs."""
    place = memory_directory()
    return ControlNode(
        python=platform.python_version(), ansible=_ansible(), openssh=_openssh(),
        ssh_keygen=shutil.which("ssh-keygen") is not None, run_directory=str(place),
        in_memory=_file_system(place) == "tmpfs",
    )  # fmt: skip


def installed_versions() -> dict[str, str | None]:
    """Of this program, of Python and of what it works through; None for what is not installed."""
    names = ("ansible-core", "ansible-runner", "fabric", "paramiko", "boto3", "pydantic")
    own = {"clmdeploy": clmdeploy.__version__, "python": platform.python_version(), "system": platform.platform()}
    return {**own, "openssh": _openssh(), **{name: _installed(name) for name in names}}


def _ansible() -> str | None:
    """By the package's own word: asking ansible-playbook itself takes a second."""
    if not (Path(sys.executable).parent / "ansible-playbook").exists() and not shutil.which("ansible-playbook"):
        return None
    return _installed("ansible-core")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _openssh() -> str | None:
    try:
        said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stderr.partition(",")[0].strip()[:80] or None


def _file_system(place: Path) -> str:
    """The type of the file system that holds `place`: that of the longest mount point above it."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines()]
    above = [(point, kind) for point, kind in mounts if place.resolve().is_relative_to(point)]
    return max(above, key=lambda one: len(one[0]), default=("", ""))[1]
