"""systemd units of a release: linked from `current`, so that their content changes with it.

systemd reads units again only where something about them differs: that takes it a tenth of a second on a small host,
and seconds on one with hundreds of units.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from .call import ActError, Json
from .layout import releases

LINKS = "/etc/systemd/system"
LINES = 20
_SETTLED = {"UnitFileState": "enabled", "NeedDaemonReload": "no"}  # a drop-in that somebody wrote makes that "yes"


class UnitFile(NamedTuple):
    """A unit file as systemd has read it."""

    content: bytes
    modified: int
    """nanoseconds since 1970"""


def unit_names(components: list[Json]) -> list[str]:
    return [unit for component in components for unit in component["units"]]


def refuse_foreign(root: str, names: list[str]) -> None:
    """Raises ActError when a unit of one of these names is somebody else's: nothing is stopped or moved then."""
    for name in names:
        link = os.path.join(LINKS, name)
        if os.path.lexists(link) and name not in _linked(root):
            raise ActError(f"{link} exists and is not ours: move it away, then run the same command again")


def stop(root: str, names: list[str]) -> None:
    """Stop `names` in reverse order, what was started last first; then whatever else of ours is linked."""
    ours = _linked(root)
    for name in [*reversed([one for one in names if one in ours]), *(one for one in ours if one not in names)]:
        _systemctl("stop", name)


def halt(names: list[str]) -> None:
    """Stop these alone, what was started last first. What systemd does not know is not running."""
    for name in reversed(names):
        _systemctl("stop", name, check=is_active(name))


def is_active(name: str) -> bool:
    return _systemctl("is-active", name, check=False).strip() in ("active", "activating", "reloading", "deactivating")


def reload() -> None:
    """Let systemd read its units again."""
    _systemctl("daemon-reload")


def standing(root: str, names: list[str]) -> dict[str, UnitFile]:
    """The unit files of the release that `current` names now; one that is missing is left out."""
    found = {}
    for name in names:
        path = _path(root, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                found[name] = UnitFile(file.read(), os.stat(path).st_mtime_ns)
    return found


def link(root: str, names: list[str], before: dict[str, UnitFile]) -> None:
    """Let systemd know exactly `names` of this install root and put them into boot; nothing foreign is touched.

    `before`: what systemd is known to have read, as `standing` gave it before `current` was moved. It reads its units
    again at most once, at the end: by itself it would do so for each one that is enabled or disabled.
    """
    lost, fresh = _unlink_others(root, names), [_link_one(root, name) for name in names]
    alike = [_keep_time(root, name, before.get(name)) for name in names]
    states = _states(names)
    unsettled = [name for name in names if states.get(name) != {"Id": name, **_SETTLED}]
    for name in unsettled:
        _enable(root, name)
    if lost or any(fresh) or not all(alike) or unsettled:
        _systemctl("daemon-reload")


def _unlink_others(root: str, names: list[str]) -> bool:
    others = [name for name in _linked(root) if name not in names]
    for name in others:
        _systemctl("disable", "--no-reload", name, check=False)
        if os.path.lexists(os.path.join(LINKS, name)):
            os.unlink(os.path.join(LINKS, name))
    return bool(others)


def _keep_time(root: str, name: str, before: UnitFile | None) -> bool:
    """Whether the unit's content is as before; then it gets the time from before, by which systemd tells changes."""
    now = standing(root, [name]).get(name)
    if before is None or now is None or now.content != before.content:
        return False
    os.utime(_path(root, name), ns=(before.modified, before.modified))
    return True


def _states(names: list[str]) -> dict[str, dict[str, str]]:
    """What systemd thinks of each."""
    if not names:
        return {}
    blocks = _systemctl("show", "--property=Id,UnitFileState,NeedDaemonReload", *names).split("\n\n")
    states = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {state.get("Id", ""): state for state in states}


def _enable(root: str, name: str) -> None:
    """Put into boot. systemctl follows the link into one release, which goes one day: its own link is named instead."""
    _systemctl("enable", "--no-reload", name)
    for folder in os.listdir(LINKS):
        link = os.path.join(LINKS, folder, name)
        if os.path.islink(link) and os.readlink(link).startswith(releases(root)):
            os.unlink(link)
            os.symlink(os.path.join(LINKS, name), link)


def _path(root: str, name: str) -> str:
    return os.path.join(root, "current", "units", name)


def _linked(root: str) -> list[str]:
    prefix = os.path.join(root, "current", "units") + os.sep
    names = os.listdir(LINKS)
    links = [name for name in names if os.path.islink(os.path.join(LINKS, name))]
    return [name for name in links if os.readlink(os.path.join(LINKS, name)).startswith(prefix)]


def _link_one(root: str, name: str) -> bool:
    """Whether the link had to be made."""
    link, target = os.path.join(LINKS, name), _path(root, name)
    refuse_foreign(root, [name])
    if os.path.lexists(link):
        return False
    os.symlink(target, link)
    return True


def start(names: list[str], told: Callable[[str], str]) -> None:
    """Start; a unit that does not start is named with what `told` leaves of its last lines.

    A release that died at once has used up how often systemd starts a unit in a while: the one before it, a unit of the
    same name, would be refused its start.
    """
    for name in names:
        _systemctl("reset-failed", name, check=False)
        try:
            _systemctl("start", name)
        except ActError as error:
            raise ActError(f"{error}\n{told(last_lines(name))}") from None


def last_lines(name: str) -> str:
    """The end of a unit's journal. It may hold any secret that the unit was given."""
    command = ["journalctl", "--unit", name, "--lines", str(LINES), "--no-pager", "--output", "cat"]
    finished = subprocess.run(command, capture_output=True, errors="replace", timeout=20, check=False)
    return finished.stdout


def _systemctl(verb: str, *words: str, check: bool = True) -> str:
    finished = subprocess.run(["systemctl", verb, *words], capture_output=True, text=True, timeout=300, check=False)
    if check and finished.returncode != 0:
        raise ActError(f"systemctl {verb} {' '.join(words)}: {finished.stderr.strip()[-500:]}")
    return finished.stdout
