"""What the lab needs of the machine that it runs on, and the one place where it starts programs there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from clmdeploy.model.errors import ClmError, ExitCode

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
    "unshare": "util-linux",
    "setpriv": "util-linux",
}
_MESSAGE_LIMIT = 2000  # characters of a program's output that an error message repeats


class LabError(ClmError):
    """The lab, or the machine under it, is not as it must be. No environment is touched by this."""

    exit_code = ExitCode.FAILED_UNCHANGED


def require_root() -> None:
    """Raise LabError unless this is root: labs and their keys are root's."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces, mounts and cgroups: it needs root", "run the command as root")


def require_machine() -> None:
    """Raise LabError unless this is root on a machine that has the programs of PROGRAMS."""
    require_root()
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        raise LabError(f"programs of these Debian packages are missing: {' '.join(missing)}",
                       f"apt-get install --no-install-recommends {' '.join(missing)}")  # fmt: skip
    cgroup_root()


def cgroup_root() -> Path:
    """Where the machine has cgroup v2 mounted, alone or beside v1. Raises LabError if nowhere."""
    for candidate in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (candidate / "cgroup.controllers").exists():
            return candidate
    raise LabError("no cgroup v2 is mounted at /sys/fs/cgroup or /sys/fs/cgroup/unified",
                   "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")  # fmt: skip


def run_program(
    argv: Sequence[str | Path], *, text: str | None = None, timeout: float = 60, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program of this machine with `text` as its input.

    Raises LabError when it is missing, takes longer than `timeout` seconds, or (with `check`) exits non-zero.
    """
    command = [str(word) for word in argv]
    try:
        result = subprocess.run(
            command,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{command[0]} did not end within {timeout:g} s") from error
    except OSError as error:
        raise LabError(f"{command[0]} can't be started: {error.strerror}") from error
    if check and result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip())[-_MESSAGE_LIMIT:]
        raise LabError(f"{' '.join(command[:4])} failed with exit code {result.returncode}: {said}")
    return result
