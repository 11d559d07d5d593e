"""systemd units of a release: linked from `current`, so that their content changes with it."""

from __future__ import annotations

import os
import subprocess

from .call import ActError, Json

LINKS = "/etc/systemd/system"
LINES = 20


def unit_names(components: list[Json]) -> list[str]:
    return [unit for component in components for unit in component["units"]]


def stop(names: list[str]) -> None:
    """Stop. Reverse order: what was started last goes first."""
    for name in reversed(names):
        _systemctl("stop", name)


def link(root: str, names: list[str]) -> None:
    """Let systemd know exactly `names` of this install root and put them into boot; nothing foreign is touched.

    systemd reads its units again once, at the end: by itself it would do so for each one that is enabled or disabled.
    """
    for name in _linked(root):
        if name not in names:
            _systemctl("disable", "--no-reload", name, check=False)
            if os.path.lexists(os.path.join(LINKS, name)):
                os.unlink(os.path.join(LINKS, name))
    for name in names:
        _link_one(root, name)
        _systemctl("enable", "--no-reload", name, check=False)
    _systemctl("daemon-reload")


def _linked(root: str) -> list[str]:
    prefix = os.path.join(root, "current", "units") + os.sep
    names = os.listdir(LINKS)
    links = [name for name in names if os.path.islink(os.path.join(LINKS, name))]
    return [name for name in links if os.readlink(os.path.join(LINKS, name)).startswith(prefix)]


def _link_one(root: str, name: str) -> None:
    link, target = os.path.join(LINKS, name), os.path.join(root, "current", "units", name)
    if os.path.lexists(link) and (not os.path.islink(link) or os.readlink(link) != target):
        raise ActError(f"{link} exists and is not ours: move it away, then run the same command again")
    if not os.path.lexists(link):
        os.symlink(target, link)


def start(names: list[str]) -> None:
    """Start; a unit that does not start is named with its last lines."""
    for name in names:
        try:
            _systemctl("start", name)
        except ActError as error:
            raise ActError(f"{error}\n{last_lines(name)}") from None


def last_lines(name: str) -> str:
    """The end of a unit's journal, for the message of a failure."""
    command = ["journalctl", "--unit", name, "--lines", str(LINES), "--no-pager", "--output", "cat"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()[-1500:]


def _systemctl(verb: str, *names: str, check: bool = True) -> None:
    finished = subprocess.run(["systemctl", verb, *names], capture_output=True, text=True, timeout=300, check=False)
    if check and finished.returncode != 0:
        raise ActError(f"systemctl {verb} {' '.join(names)}: {finished.stderr.strip()[-500:]}")
