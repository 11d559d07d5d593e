"""Switching a host on and off, as a power supply would."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from clmdeploy.lab import supervisor
from clmdeploy.lab.cgroup import Cgroup
from clmdeploy.lab.machine import LabError, cgroup_root, run_program
from clmdeploy.lab.network import NAMESPACES, Network
from clmdeploy.lab.record import LabRecord
from clmdeploy.lab.spec import HostSpec

_JOIN_LIMIT = 10.0  # seconds until a new supervisor must have joined its cgroup


def power_on(record: LabRecord, host: HostSpec, directory: Path) -> None:
    """Cable a host and start it from the disk in `directory`. Returns as soon as its supervisor runs."""
    cgroup = Cgroup.of(record.tag, host.name)
    cgroup.create()
    network = Network(record)
    network.attach(host)
    for name in ("work", "root"):
        # The overlay is volatile (nothing waits for the machine's disk): after a power loss it refuses its old workdir.
        shutil.rmtree(directory / name, ignore_errors=True)
        (directory / name).mkdir(parents=True)
    (directory / "orders.json").write_text(json.dumps(_orders(record, host, directory, cgroup)))
    words = (*supervisor.INTERPRETER, supervisor.__file__, "enter", str(directory))
    # A session of its own, and no child of ours: nobody has to reap it, and Ctrl-C here does not reach it.
    run_program(("setsid", "--fork", *words))
    _await_supervisor(cgroup, directory)


def power_off(record: LabRecord, host: HostSpec) -> None:
    """Power loss: every process ends at once and nothing says goodbye on the network. The disk is kept."""
    network = Network(record)
    if network.connected(host):
        network.cut(host)
    cgroup = Cgroup.of(record.tag, host.name)
    cgroup.kill()
    cgroup.remove()
    network.detach(host)


def _orders(record: LabRecord, host: HostSpec, directory: Path, cgroup: Cgroup) -> dict[str, object]:
    lower = ":".join(str(layer) for layer in record.layers(host))
    return {
        "cgroup_root": str(cgroup_root()),
        "cgroup": str(cgroup.path.relative_to(cgroup_root())),
        "overlay": f"lowerdir={lower},upperdir={directory}/upper,workdir={directory}/work,redirect_dir=on,volatile",
        "arguments": [
            "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no",
            "--resolv-conf=copy-host", "--timezone=off", "--kill-signal=SIGRTMIN+3", "--capability=CAP_NET_ADMIN",
            f"--machine={host.name}", f"--directory={directory}/root",
            f"--network-namespace-path={NAMESPACES / Network(record).namespace(host)}",
        ],
    }  # fmt: skip


def _await_supervisor(cgroup: Cgroup, directory: Path) -> None:
    deadline = time.monotonic() + _JOIN_LIMIT
    while not cgroup.alive:
        if time.monotonic() > deadline:
            raise LabError(f"{cgroup.path.name} did not start: {console_tail(directory)}")
        time.sleep(0.02)


def console_tail(directory: Path, lines: int = 8) -> str:
    """The last lines of a host's console, for messages."""
    try:
        text = (directory / "console.log").read_text(errors="replace")
    except OSError:
        return "its console said nothing"
    return "\n".join(text.splitlines()[-lines:]) or "its console said nothing"
