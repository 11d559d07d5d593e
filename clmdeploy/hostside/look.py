"""Tells what a host is like, before anything of ours is on it: read only, as the SSH user, standard library only.

It comes over SSH on standard input (`python3 -IS - INSTALL_ROOT GUARD`) and prints one JSON object. It must run on
every Python 3, so that a host whose Python is too old can be told so.
"""

import hashlib
import json
import os
import subprocess
import sys
import time

STATE = "/var/lib/clmdeploy"


def look(root: str, guard: str) -> "dict[str, object]":
    return {
        "clock": time.time(),
        "python": list(sys.version_info[:3]),
        "os": operating_system(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "root": os.geteuid() == 0,
        "may_become_root": may_run("/usr/bin/python3"),
        "may_run_guard": may_run(guard),
        "guard": digest(guard),
        "places": {place: space(place) for place in (root, STATE)},
    }


def operating_system() -> str:
    try:
        with open("/etc/os-release") as file:
            fields = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    except OSError:
        return "unknown"
    return "-".join(fields.get(key, "").strip("\"'") for key in ("ID", "VERSION_ID")).rstrip("-")


def may_run(program: str) -> bool:
    """Whether root may be become for this program without a password. Only asks: `sudo -l` runs nothing."""
    if os.geteuid() == 0:
        return True
    try:
        return subprocess.call(
            ["sudo", "-n", "-l", program],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=5,
        ) == 0  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False


def digest(path: str) -> "str | None":
    """SHA-256 of a program that every account may read, or None."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read(4 * 1024 * 1024)).hexdigest()
    except OSError:
        return None


def space(place: str) -> "list[int | None]":
    """Free bytes and inodes where `place` is or will be; inodes None on file systems without such a limit."""
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    found = os.statvfs(place)
    return [found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(sys.argv[1], sys.argv[2])))
