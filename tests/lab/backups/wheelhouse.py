"""Wheels of all that clmdeploy needs, for the Python of the lab's hosts: fetched once, kept in the lab's cache.

pip judges markers by the Python that runs it, and the hosts have a newer one: so they are judged here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from packaging.markers import Marker

from clmdeploy.adapters.own_program import requirements
from clmdeploy.lab.cache import built_beside, cache_directory
from clmdeploy.lab.state import locked
from clmdeploy.model.value import sha256_hex

PYTHON = "3.13"
_HOST = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.5", "sys_platform": "linux"}
_GLIBC = ("34", "28", "17")


def wheelhouse() -> Path:
    """The directory."""
    wanted = requirements()
    home = cache_directory() / "wheels"
    with locked(home):
        place = home / sha256_hex(wanted)[:16]
        if not place.is_dir():
            with built_beside(place) as scratch:
                _fetch(wanted.decode(), scratch)
    return place


def _fetch(wanted: str, place: Path) -> None:
    listed = place / "requirements.txt"
    listed.write_text(for_hosts(wanted))
    platforms = [f"--platform=manylinux_2_{one}_{_machine()}" for one in _GLIBC]
    command = (
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
        f"--python-version={PYTHON}", *platforms, f"--platform=manylinux2014_{_machine()}", "--platform=any",
        "--dest", str(place), "-r", str(listed),
    )  # fmt: skip
    subprocess.run(command, check=True, timeout=600)
    listed.unlink()


def for_hosts(wanted: str) -> str:
    """The entries of a hashed requirements file that hold there, without their conditions."""
    kept, holds = [], True
    for line in wanted.splitlines():
        if not line.startswith((" ", "#")):
            name, _, marker = line.rstrip("\\ ").partition(";")
            holds = not marker.strip() or Marker(marker.strip()).evaluate(_HOST)
            line = f"{name.strip()} \\"
        if holds:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _machine() -> str:
    return subprocess.run(("uname", "-m"), capture_output=True, text=True, check=True, timeout=10).stdout.strip()
