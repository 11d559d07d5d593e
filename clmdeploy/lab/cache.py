"""What the lab builds once and keeps."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_USE = 3600.0  # seconds


def cache_directory() -> Path:
    """By the system's own convention; ~/.cache/clmdeploy/lab on Linux."""
    import platformdirs

    return platformdirs.user_cache_path("clmdeploy") / "lab"


@contextmanager
def built_beside(target: Path) -> Iterator[Path]:
    """A scratch directory beside `target` that takes its place when the block ends well, and goes when it does not.

    The caller holds the lock of the parent directory: scratch directories that are found are of killed builders.
    """
    for stale in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(stale)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        os.replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prune(directory: Path, keep: frozenset[Path], now: float) -> None:
    """Remove what was built from older recipes, except what `keep` names and what was wanted within the last hour.

    The hour is for a lab that is just coming up and not yet written down. `now` is in seconds since the epoch.
    """
    for old in directory.iterdir():
        if old not in keep and not old.name.startswith(".") and now - old.stat().st_mtime > _IN_USE:
            shutil.rmtree(old)
