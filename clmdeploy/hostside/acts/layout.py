"""Where releases live below the install root."""

from __future__ import annotations

import json
import os

from .call import Json

MARK = ".clm-release.json"  # written last: a release directory without it is not whole

SIGNATURE = MARK + ".sig"  # of the same, as published: the release can be believed without the storage


def releases(root: str) -> str:
    return os.path.join(root, "releases")


def release_path(root: str, directory: str) -> str:
    return os.path.join(releases(root), directory)


def current(root: str) -> str | None:
    """The name of the release directory that `current` points to, or None."""
    try:
        return os.path.basename(os.readlink(os.path.join(root, "current")))
    except FileNotFoundError:
        return None


def point_current(root: str, directory: str | None) -> None:
    """Let `current` name another release: a link beside, then rename, so that it never dangles and is never missing."""
    link = os.path.join(root, "current")
    if directory is None:
        if os.path.islink(link):
            os.unlink(link)
        return
    beside = link + ".new"
    if os.path.lexists(beside):
        os.unlink(beside)
    os.symlink(os.path.join("releases", directory), beside)
    os.replace(beside, link)


def is_whole(root: str, directory: str) -> bool:
    return os.path.exists(os.path.join(release_path(root, directory), MARK))


def manifest_of(root: str, directory: str) -> Json:
    """The manifest that came with a staged release."""
    with open(os.path.join(release_path(root, directory), MARK), encoding="utf-8") as file:
        return json.load(file)["manifest"]  # type: ignore[no-any-return]


def staged(root: str) -> list[str]:
    """Names of all whole release directories, sorted by name; order means nothing."""
    if not os.path.isdir(releases(root)):
        return []
    return sorted(name for name in os.listdir(releases(root)) if not name.startswith(".") and is_whole(root, name))


def remove_release(path: str) -> None:
    """Remove a release so that a half-removed one is never taken for whole."""
    import shutil  # not needed where nothing is removed, and not free to import

    if os.path.isdir(path):
        doomed = os.path.join(os.path.dirname(path), ".removing-" + os.path.basename(path))
        shutil.rmtree(doomed, ignore_errors=True)  # left by a removal that was cut off
        os.rename(path, doomed)
        shutil.rmtree(doomed)
