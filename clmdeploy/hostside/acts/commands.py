"""Runs a release's hooks: as the component's user, in the release directory, for a limited time, without a shell."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from typing import IO

from .call import ActError

TAIL = 1500
OUTPUT = 1024 * 1024
SHORTEST_SECRET = 6


def environment_of(root: str, files: list[str], user: str) -> dict[str, str]:
    """Variables for a hook: a small fixed set and the KEY=VALUE files below the install root."""
    variables = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": pwd.getpwnam(user).pw_dir,
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for name in files:
        variables.update(read_variables(os.path.join(root, name)))
    return variables


def without_secrets(said: str, variables: dict[str, str]) -> str:
    """What a hook said, without the values of its environment files: a database URL has a password in it."""
    for value in sorted(set(variables.values()), key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            said = said.replace(value, "***")
    return said


def read_variables(path: str) -> dict[str, str]:
    """An environment file as systemd reads it, less its escapes: KEY=VALUE lines, # comments, optional quotes."""
    try:
        with open(path, encoding="utf-8", opener=_plain_file) as file:
            lines = file.read(1024 * 1024).splitlines()
    except FileNotFoundError:
        raise ActError(f"{path}: the release names this environment file, but it is not on this host") from None
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith(("#", ";")))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def _plain_file(path: str, flags: int) -> int:
    """No link, no pipe: root reads this, and the service user may own the directory."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ActError(f"{path}: is no regular file")
    return descriptor


def run_hook(command: list[str], directory: str, user: str, variables: dict[str, str], timeout: float) -> str:
    """The standard output of a hook; a failure names the command and the end of what it said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _run(command, directory, user, variables, timeout, out, err)
        if code != 0:
            said = without_secrets(_end_of(err) or _end_of(out), variables)
            raise ActError(f"{command[0]}: exit code {code}: {said}")
        out.seek(0)
        return out.read(OUTPUT).decode(errors="replace")


def _run(
    command: list[str],
    directory: str,
    user: str,
    variables: dict[str, str],
    timeout: float,
    out: IO[bytes],
    err: IO[bytes],
) -> int:
    """Into files: what a hook says must not fill this process' memory."""
    account = pwd.getpwnam(user)
    try:
        return subprocess.run(
            [program_of(command[0], directory), *command[1:]],
            cwd=directory, env=variables, user=account.pw_uid, group=account.pw_gid, extra_groups=[], umask=0o027,
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout, check=False,
        ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ActError(f"{command[0]}: no end after {timeout:.0f} s") from None
    except OSError as error:
        raise ActError(f"{command[0]}: {error.strerror}") from None


def _end_of(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    return file.read().decode(errors="replace").strip()


def program_of(name: str, directory: str) -> str:
    """A program of the release where it has one of that name, else one on PATH."""
    inside = os.path.join(directory, name)
    return inside if not os.path.isabs(name) and os.path.exists(inside) else name
