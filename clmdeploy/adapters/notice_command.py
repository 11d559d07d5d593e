"""A program of the operator's own that passes notices on: to a chat, a pager, a ticket system."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from clmdeploy.model.faults import printable
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import Receipt

KEPT_OUTPUT = 4096  # bytes of what it prints; the rest is read and thrown away
_PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
    "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip


def small_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program needs to run, and nothing that might be a secret of ours."""
    return {name: value for name, value in environ.items() if name in _PASSED_ON or name.startswith("LC_")}


@dataclass(frozen=True)
class CommandChannel:
    """Implements the Channel port: exit code 0 means handed over. `timeout` in seconds; then its group is killed."""

    argv: tuple[str, ...]
    directory: Path
    timeout: float
    name: str = "command"

    @property
    def recipients(self) -> tuple[str, ...]:
        return (Path(self.argv[0]).name,)

    def send(self, notice: Notice, recipients: Sequence[str]) -> Receipt:
        fault = self._run(notice)
        return Receipt.later(recipients, fault) if fault else Receipt(accepted=tuple(recipients))

    def check(self) -> str:
        found = shutil.which(self.argv[0], path=os.environ.get("PATH"))
        return "" if found else f"{self.argv[0]}: is no program that can be run"

    def _run(self, notice: Notice) -> str:
        """Why it failed; empty when it did not."""
        try:
            # A file and not a pipe: a program that reads nothing must not hold us up.
            with tempfile.TemporaryFile() as given:
                given.write(notice.model_dump_json().encode())
                given.seek(0)
                process = subprocess.Popen(
                    self.argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.directory,
                    env=small_environment(os.environ) | _variables(notice), start_new_session=True,
                )  # fmt: skip
        except (OSError, ValueError) as error:
            return printable(f"{self.argv[0]}: can't be run: {getattr(error, 'strerror', None) or error}")
        return self._awaited(process)

    def _awaited(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        said = bytearray()
        reader = Thread(target=_read_some, args=(process.stdout, said), name="notice command", daemon=True)
        reader.start()
        try:
            code = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"{self.argv[0]}: not through after {self.timeout:.0f} s, and killed"
        if code == 0:
            return ""
        reader.join(1)  # something that it left behind may hold the pipe: not waited for
        first = bytes(said).decode(errors="replace").strip().partition("\n")[0]
        return printable(f"{self.argv[0]}: exit code {code}{': ' if first else ''}{first}")


def _read_some(pipe: IO[bytes], said: bytearray) -> None:
    with pipe:
        while part := os.read(pipe.fileno(), KEPT_OUTPUT):
            said += part[: max(0, KEPT_OUTPUT - len(said))]


def _variables(notice: Notice) -> dict[str, str]:
    return {
        "CLM_ENVIRONMENT": notice.environment, "CLM_CHANGE": notice.change or "", "CLM_OCCASION": notice.occasion,
        "CLM_EXIT_CODE": str(int(notice.ending["exit_code"])), "CLM_SUBJECT": notice.subject,
    }  # fmt: skip
