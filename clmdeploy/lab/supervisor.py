"""Keeps one host running: a process of its own for each host, so it imports little and nothing of this package.

    supervisor.py enter HOSTDIR    joins the host's cgroup, then becomes `unshare` with the second form as its child
    supervisor.py run HOSTDIR      process 1 of a PID and mount namespace: mounts the disk, starts the host, and again
                                   when it asks for a reboot; when this process ends, the kernel ends the host with it

HOSTDIR/orders.json says what to do; power.py writes it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REBOOT = 133  # systemd-nspawn's exit code when the host asked for a reboot; systemd-nspawn(1), --keep-unit
INTERPRETER = (sys.executable, "-I", "-S")  # no site-packages: 8 MB instead of 20, a host
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private")


def enter(directory: Path) -> int:
    """Join the cgroup before starting anything, so that ending the cgroup ends everything that follows."""
    console = os.open(directory / "console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, console, console)):
        os.dup2(file, number)
    _join(Path(_orders(directory)["cgroup_root"]), directory, "keeper")
    os.execvp("unshare", [*NAMESPACES, *INTERPRETER, __file__, "run", str(directory)])  # noqa: S606 no shell wanted


def run(directory: Path) -> int:
    """Mount what the host needs where nobody else sees it, and keep it running until it powers itself off."""
    Path("/run/systemd").mkdir(exist_ok=True)  # a machine without systemd has none; nspawn wants one of its own
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run/systemd")
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        _mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")  # the host sees version 2 only
    _mount("-t", "overlay", "-o", _orders(directory)["overlay"], "overlay", str(directory / "root"))
    while True:
        exit_code = _boot(directory)
        print(f"systemd-nspawn ended with exit code {exit_code}", flush=True)
        if exit_code != REBOOT:
            return exit_code


def boot(directory: Path) -> int:
    """Become systemd-nspawn, born in the group that it may divide."""
    _join(Path("/sys/fs/cgroup"), directory, "machine")
    environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    os.execvpe("systemd-nspawn", ["systemd-nspawn", *_orders(directory)["arguments"]], environment)  # noqa: S606


def _join(root: Path, directory: Path, child: str) -> None:
    (root / _orders(directory)["cgroup"] / child / "cgroup.procs").write_text("0")


def _orders(directory: Path) -> dict[str, Any]:  # Any: two texts, a path and a list
    orders: dict[str, Any] = json.loads((directory / "orders.json").read_text())
    return orders


def _boot(directory: Path) -> int:
    """One run of the host, from power on to power off or reboot; returns nspawn's exit code."""
    nspawn = subprocess.Popen([*INTERPRETER, __file__, "boot", str(directory)])
    while True:  # process 1 of a namespace also reaps what others leave
        process, status = os.wait()
        if process == nspawn.pid:
            return os.waitstatus_to_exitcode(status)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, timeout=30)


if __name__ == "__main__":
    sys.exit({"enter": enter, "run": run, "boot": boot}[sys.argv[1]](Path(sys.argv[2])))
