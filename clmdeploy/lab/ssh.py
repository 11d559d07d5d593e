"""Commands on a host of the lab through OpenSSH, with the lab's key and the host key that the lab gave it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.lab.machine import LabError
from clmdeploy.model.errors import HostUnreachable

_SSH_FAILED = 255  # ssh's own exit code; ssh(1), EXIT STATUS


@dataclass(frozen=True)
class Ssh:
    """One host as OpenSSH reaches it."""

    name: str
    address: str
    key: Path
    known_hosts: Path
    user: str = "root"

    def command(self, *words: str) -> list[str]:
        """The argument vector of ssh; `words` go to the remote shell as they are."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "3",
            "GlobalKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            # A host that loses its power or cable says nothing: without these, ssh would wait for hours.
            "ServerAliveCountMax": "3",
            "ServerAliveInterval": "2",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
        }
        set_options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", "-i", str(self.key), *set_options, f"{self.user}@{self.address}", *words]

    def run(
        self, argv: Sequence[str], *, text: str | None = None, timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run an argument vector on the host, with `text` as its input.

        Raises HostUnreachable when ssh gets no answer or the command takes longer than `timeout` seconds, and
        LabError when (with `check`) the command exits non-zero.
        """
        try:
            result = subprocess.run(
                self.command("--", shlex.join(argv)),
                input=text or "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HostUnreachable(f"{self.name}: {argv[0]} gave no answer within {timeout:g} s") from error
        if result.returncode == _SSH_FAILED:
            raise HostUnreachable(f"{self.name} ({self.address}): {result.stderr.strip() or 'ssh failed'}")
        if check and result.returncode != 0:
            said = (result.stderr.strip() or result.stdout.strip())[-2000:]
            raise LabError(f"{self.name}: {shlex.join(argv)[:200]} failed with exit code {result.returncode}: {said}")
        return result
