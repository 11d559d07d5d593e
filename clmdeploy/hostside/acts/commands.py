"""Runs a release's hooks: as the component's user, in the release directory, for a limited time, without a shell."""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from typing import IO

from .call import ActError

TAIL = 1500  # characters of a failure that are told
LOOKED_AT = 65536  # bytes of it that are read for that: what is secret goes before anything is cut off
OUTPUT = 1024 * 1024
SHORTEST_SECRET = 6
_PASSWORD = re.compile(r"[^:/?#]+://[^:/?#@]*:([^/?#]+)@")  # of an address


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


def end_of(said: str, values: Iterable[str]) -> str:
    """The end of what a program of a release said, without the values of its environment files."""
    return without_secrets(said, values).strip()[-TAIL:]


def without_secrets(said: str, values: Iterable[str]) -> str:
    """What a program said, without these values: a database URL has a password in it, which may also stand alone."""
    whole = set(values)
    for value in sorted(whole.union(found[1] for found in map(_PASSWORD.match, whole) if found), key=len, reverse=True):
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
            said = end_of(_last_lines(err) or _last_lines(out), variables.values())
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


def _last_lines(file: IO[bytes]) -> str:
    """Whole lines only: of a secret that is cut in two, the rest would not be known again."""
    skipped = file.seek(max(0, file.seek(0, os.SEEK_END) - LOOKED_AT))
    if skipped:
        file.readline()
    return file.read().decode(errors="replace").strip()


def program_of(name: str, directory: str) -> str:
    """A program of the release where it has one of that name, else one on PATH."""
    inside = os.path.join(directory, name)
    return inside if not os.path.isabs(name) and os.path.exists(inside) else name
