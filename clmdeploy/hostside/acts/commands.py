"""Runs a release's hooks: as the component's user, in the release directory, for a limited time, without a shell."""

from __future__ import annotations

import os
import pwd
import subprocess

from .call import ActError

TAIL = 1500


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


def read_variables(path: str) -> dict[str, str]:
    """An environment file as systemd reads it, less its escapes: KEY=VALUE lines, # comments, optional quotes."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(1024 * 1024).splitlines()
    except FileNotFoundError:
        raise ActError(f"{path}: the release names this environment file, but it is not on this host") from None
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith(("#", ";")))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def run_hook(command: list[str], directory: str, user: str, variables: dict[str, str], timeout: float) -> str:
    """The standard output of a hook; a failure names the command and the end of what it said."""
    account = pwd.getpwnam(user)
    try:
        finished = subprocess.run(
            [program_of(command[0], directory), *command[1:]],
            cwd=directory, env=variables, user=account.pw_uid, group=account.pw_gid, extra_groups=[], umask=0o027,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ActError(f"{command[0]}: no end after {timeout:.0f} s") from None
    except OSError as error:
        raise ActError(f"{command[0]}: {error.strerror}") from None
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).decode(errors="replace").strip()[-TAIL:]
        raise ActError(f"{command[0]}: exit code {finished.returncode}: {said}")
    return finished.stdout[: 1024 * 1024].decode(errors="replace")


def program_of(name: str, directory: str) -> str:
    """A program of the release where it has one of that name, else one on PATH."""
    inside = os.path.join(directory, name)
    return inside if not os.path.isabs(name) and os.path.exists(inside) else name
