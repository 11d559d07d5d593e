"""What a host's disk has beyond the image: files and links in the upper directory of its overlay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from clmdeploy.lab.machine import LabError


@dataclass(frozen=True)
class DiskFile:
    """A file that a new disk has. `owner` is an account of the image; directories on the way are root's, 0755."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"


@dataclass(frozen=True)
class DiskDirectory:
    """A directory that a new disk has beyond the image's."""

    path: str
    mode: int = 0o755
    owner: str = "root"


@dataclass(frozen=True)
class DiskLink:
    """A symbolic link that a new disk has."""

    path: str
    target: str


DiskEntry = DiskFile | DiskDirectory | DiskLink


def enabled(unit: str, directory: str = "/usr/lib/systemd/system", wanted_by: str = "multi-user.target") -> DiskLink:
    """The link that `systemctl enable` would make for a unit."""
    return DiskLink(f"/etc/systemd/system/{wanted_by}.wants/{unit}", f"{directory}/{unit}")


def write_disk(upper: Path, layers: Sequence[Path], entries: Iterable[DiskEntry]) -> None:
    """Fill the upper directory of a new overlay. Raises LabError when an owner is no account of the image.

    A directory in the upper layer hides the mode and owner of the one below it, so these are copied.
    """
    accounts = _accounts(layers[-1])
    upper.mkdir(parents=True)
    for entry in entries:
        target = upper / PurePosixPath(entry.path).relative_to("/")
        _make_parents(upper, layers, target.parent)
        match entry:
            case DiskLink():
                target.symlink_to(entry.target)
            case DiskDirectory():
                target.mkdir(exist_ok=True)
                _own(target, entry, accounts)
            case DiskFile():
                target.touch(mode=0o600)  # before the content: it may be a key
                target.write_text(entry.content)
                _own(target, entry, accounts)


def _own(target: Path, entry: DiskFile | DiskDirectory, accounts: dict[str, tuple[int, int]]) -> None:
    if entry.owner not in accounts:
        raise LabError(f"the lab's image has no account {entry.owner!r}, which {entry.path} must belong to")
    os.chown(target, *accounts[entry.owner])
    target.chmod(entry.mode)


def _make_parents(upper: Path, layers: Sequence[Path], directory: Path) -> None:
    missing = [path for path in (directory, *directory.parents) if path.is_relative_to(upper) and not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o755)
        below = next((old for layer in layers if (old := layer / path.relative_to(upper)).is_dir()), None)
        if below is not None:
            shutil.copystat(below, path)
            status = below.stat()
            os.chown(path, status.st_uid, status.st_gid)


def _accounts(image: Path) -> dict[str, tuple[int, int]]:
    lines = (image / "etc/passwd").read_text().splitlines()
    return {name: (int(uid), int(gid)) for name, _, uid, gid, *_ in (line.split(":") for line in lines)}
