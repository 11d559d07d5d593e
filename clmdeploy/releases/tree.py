"""What a release's directory holds: the files and links that go into the bundle, in its order."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable
from clmdeploy.releases.fields import RelativePath, link_stays_inside
from clmdeploy.releases.ignore import IgnoreRules

MOST_FILES = 200_000
MOST_BYTES = 8 * 1024**3
_MOST_FAULTS = 50
RESERVED = ".clm-release.json"  # hosts write their mark of a whole release under this name
_RELATIVE_PATH: TypeAdapter[str] = TypeAdapter(RelativePath)


@dataclass(frozen=True)
class Found:
    """A file or link below the directory; `target` is set of links. Modes are 0644 or 0755: umasks must not show."""

    path: str
    source: Path
    mode: int
    size: int
    target: str | None = None


@dataclass
class _Walk:
    rules: IgnoreRules
    found: list[Found] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    size: int = 0

    def below(self, directory: Path) -> None:
        waiting = [(directory, "")]  # a stack, not recursion: a tree may be deeper than Python's own stack
        while waiting and len(self.faults) < _MOST_FAULTS:
            parent, prefix = waiting.pop()
            for entry in _entries(parent):
                path, is_directory = prefix + entry.name, entry.is_dir(follow_symlinks=False)
                if self.rules.match(path, is_directory):
                    continue
                if is_directory:
                    waiting.append((Path(entry.path), path + "/"))
                else:
                    self._take(path, entry)

    def _take(self, path: str, entry: os.DirEntry[str]) -> None:
        status = entry.stat(follow_symlinks=False)
        target = os.readlink(entry.path) if stat.S_ISLNK(status.st_mode) else None
        cause = _path_fault(path) or _kind_fault(path, status.st_mode, target)
        if cause:
            self.faults.append(f"{printable(path, 200)}: {cause}")
            return
        mode = 0o755 if target is None and status.st_mode & stat.S_IXUSR else 0o644
        size = 0 if target is not None else status.st_size
        self.found.append(Found(path, Path(entry.path), mode, size, target))
        self._bound(size)

    def _bound(self, size: int) -> None:
        self.size += size
        if len(self.found) > MOST_FILES:
            raise InvalidInput(
                f"the release has more than {MOST_FILES} files", "keep what it doesn't need out by .clmignore"
            )
        if self.size > MOST_BYTES:
            raise InvalidInput(
                f"the release has more than {MOST_BYTES // 1024**3} GiB", "keep what it doesn't need out by .clmignore"
            )


def scan(directory: Path, rules: IgnoreRules) -> list[Found]:
    """Everything below `directory` that `rules` let in, in rising order of path. Empty directories don't count.

    Raises InvalidInput with every entry that can't go into a bundle: devices, sockets, pipes, links that lead out of
    the release, and names that no terminal or file system should be trusted with.
    """
    walk = _Walk(rules)
    walk.below(directory)
    if walk.faults:
        raise InvalidInput.of_faults(str(directory), walk.faults, "remove these, or keep them out by .clmignore")
    return sorted(walk.found, key=lambda found: found.path)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidInput(f"{directory}: can't be read: {error.strerror}") from error


def _path_fault(path: str) -> str | None:
    if path == RESERVED:
        return "this name is the tool's own in a release on a host"
    try:
        _RELATIVE_PATH.validate_python(path, strict=True)
    except ValidationError:  # also names that are not UTF-8: Python spells them with surrogates
        return "a name must be UTF-8 without control characters or backslashes, 255 bytes at most, 1024 as a path"
    return None


def _kind_fault(path: str, mode: int, target: str | None) -> str | None:
    if target is not None:
        return (
            None if link_stays_inside(path, target) else f"the link leads out of the release: {printable(target, 200)}"
        )
    return None if stat.S_ISREG(mode) else "is neither a file nor a link (a device, pipe or socket)"
