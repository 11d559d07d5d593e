"""Debian packages: what is missing is installed; nothing is upgraded, removed or restarted."""

from __future__ import annotations

import os
import subprocess

from . import services
from .call import ActError, Json

LIMIT = 1500  # seconds: a slow mirror, or another apt at work
_SETTINGS = ("-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold", "-o", "Acquire::Retries=3")
_VARIABLES = {
    "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
}  # fmt: skip


def known(names: list[str]) -> dict[str, Json]:
    """Name → `installed` and `candidate`, each a version or empty."""
    versions = {name: {"installed": "", "candidate": ""} for name in names}
    if not names:
        return versions
    wanted = "${Package} ${db:Status-Status} ${Version}\n"
    for line in _run("dpkg-query", "--show", f"--showformat={wanted}", *names, check=False).splitlines():
        name, status, *version = line.split()
        if status == "installed" and name in versions:
            versions[name]["installed"] = version[0]
    current = ""
    for line in _run("apt-cache", "policy", *names, check=False).splitlines():
        key, _, value = line.partition(":")
        if not line.startswith(" "):
            current = key
        elif key.strip() == "Candidate" and current in versions and value.strip() != "(none)":
            versions[current]["candidate"] = value.strip()
    return versions


def missing(names: list[str]) -> list[str]:
    return [name for name, version in known(names).items() if not version["installed"]]


def install(names: list[str], quiet: list[str]) -> None:
    """`quiet`: units that a package would start before they are configured; they are not."""
    held = [name for name in quiet if services.state(name)["load"] == "not-found"]
    if any(not version["candidate"] for version in known(names).values()):
        _run("apt-get", *_SETTINGS, "update")
    for name in held:
        services.systemctl("mask", "--runtime", name)
    try:
        _run(
            "apt-get", *_SETTINGS, "install", "--yes", "--no-upgrade", "--no-remove", "--no-install-recommends", *names
        )
    finally:
        for name in held:
            services.systemctl("unmask", "--runtime", name)
            services.systemctl("disable", name, check=False)  # at the next boot it would start without a configuration


def _run(*command: str, check: bool = True) -> str:
    variables = {**_VARIABLES, **{key: os.environ[key] for key in ("http_proxy", "https_proxy") if key in os.environ}}
    try:
        finished = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, errors="replace", timeout=LIMIT,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ActError(f"{command[0]}: no end after {LIMIT} s") from None
    except OSError as error:
        raise ActError(f"{command[0]}: {error.strerror}: only Debian and its kin are supported") from None
    if check and finished.returncode != 0:
        raise ActError(f"{' '.join(command[:1])}: exit code {finished.returncode}: {finished.stderr.strip()[-800:]}")
    return finished.stdout
