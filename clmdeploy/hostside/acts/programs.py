"""Runs an engine as the user whose work it is: secrets from files into its environment, output as a stream.

It dies with this process: a question whose time is up leaves nothing behind.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from .call import ActError, Json

CHUNK = 1024 * 1024
TAIL = 2000  # characters of a failure that are told
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Program:
    """One run. `stdout` is read to its end first; then `code` and `said` are known."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self._process, self._stderr = process, stderr
        if process.stdout is None:  # it was started with a pipe
            raise ActError("a program without output")
        self.stdout: IO[bytes] = process.stdout

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.stdout.read(CHUNK):
            yield chunk

    @property
    def code(self) -> int:
        return self._process.wait()

    @property
    def said(self) -> str:
        """The end of its complaints."""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - 4 * TAIL))
        return self._stderr.read().decode(errors="replace").strip()[-TAIL:]


@contextmanager
def running(command: Json, user: str, stdin: IO[bytes] | None = None) -> Iterator[Program]:
    """`command`: argv, environment, secrets (variable → file), timeout in seconds. Raises ActError where it can't be.

    Whatever happens, it has ended afterwards.
    """
    with tempfile.TemporaryFile() as stderr:
        process = _started(command, user, stdin, stderr)
        alarm = threading.Timer(command["timeout"], process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            yield Program(process, stderr)
        finally:
            alarm.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def read_secret(path: str) -> str:
    """A key from its file. Raises ActError, naming the file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ActError(
            f"{path}: {getattr(error, 'strerror', None) or 'is no text'}: run `clmdeploy backup setup`"
        ) from None


def _started(command: Json, user: str, stdin: IO[bytes] | None, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [*_as_user(user), *command["argv"]], env=_environment(command, user), cwd="/",
            stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
    except OSError as error:
        raise ActError(f"{command['argv'][0]}: {error.strerror}") from None


def _as_user(user: str) -> list[str]:
    if not user:
        return []
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise ActError(f"there is no user {user} on this host: run `clmdeploy backup setup`") from None
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--pdeathsig=KILL", "--"]


def _environment(command: Json, user: str) -> dict[str, str]:
    home = pwd.getpwnam(user).pw_dir if user else "/nonexistent"
    secrets = {name: read_secret(path) for name, path in command.get("secrets", {}).items()}
    return {"PATH": PATH, "HOME": home, "LC_ALL": "C", **command.get("environment", {}), **secrets}
