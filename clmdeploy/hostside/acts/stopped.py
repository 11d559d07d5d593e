"""Components that are kept stopped on purpose: after a restore no campaign is to be sent a second time.

An assertion beside each of their units keeps systemd from starting it, whoever asks: a boot, a deploy, a person. It
holds for as long as the file that tells of them is there.
"""

from __future__ import annotations

import json
import os

from . import units
from .call import Json
from .record import replace_file

PATH = "/var/lib/clmdeploy/stopped.json"
DROP_IN = "clmdeploy-stopped.conf"


def kept() -> dict[str, str]:
    """Component → the change that stopped it."""
    try:
        with open(PATH, encoding="utf-8") as file:
            return dict(json.load(file)["components"])
    except FileNotFoundError:
        return {}


def awake(components: list[Json]) -> list[Json]:
    """Those that may run."""
    asleep = kept()
    return [one for one in components if one["name"] not in asleep]


def keep(components: list[Json], change: str) -> None:
    """From here on nobody starts them. What one change keeps already, another one keeps on."""
    if not components:
        return
    # The file first: an assertion without it would hold nobody back.
    _write({**{one["name"]: change for one in components}, **kept()})
    written = [_assert(unit) for unit in units.unit_names(components)]
    if any(written):
        units.reload()


def cover(old: list[Json], new: list[Json]) -> None:
    """The units of another release are kept stopped as well: where their component is, or where all of the old are."""
    asleep = kept()
    every = bool(old) and not awake(old)
    change = next(iter(asleep.values()), "")
    keep([one for one in new if every or one["name"] in asleep], change)


def let(components: list[Json]) -> None:
    """They may be started again; that is left to others."""
    names = [one["name"] for one in components]
    gone = [_drop(unit) for unit in units.unit_names(components)]
    _write({name: change for name, change in kept().items() if name not in names})
    if any(gone):
        units.reload()


def _write(components: dict[str, str]) -> None:
    if components:
        replace_file(PATH, json.dumps({"components": components}, sort_keys=True).encode(), 0o644)
    elif os.path.exists(PATH):
        os.unlink(PATH)


def _assert(unit: str) -> bool:
    """Whether it had to be written."""
    path = _drop_in(unit)
    if os.path.exists(path):
        return False
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    why = "# Written by clmdeploy, which stopped this on purpose: see `clmdeploy restore --start-workers`.\n"
    replace_file(path, f"{why}[Unit]\nAssertPathExists=!{PATH}\n".encode(), 0o644)
    return True


def _drop(unit: str) -> bool:
    path = _drop_in(unit)
    if not os.path.exists(path):
        return False
    os.unlink(path)
    if not os.listdir(os.path.dirname(path)):
        os.rmdir(os.path.dirname(path))
    return True


def _drop_in(unit: str) -> str:
    return os.path.join(units.LINKS, f"{unit}.d", DROP_IN)
