"""The schedule on this host: what is installed and what its ledgers say, and how all of it is taken away."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time

from . import kept, places, program, services, units
from .call import ActError, Call, Json

_UNIT = re.compile(r"clm-schedule-[a-z][a-z0-9-]{0,39}\.(service|timer)")
_SHOWN = ("ActiveState", "UnitFileState", "Result", "ExecMainStatus")
_LARGEST = 1024 * 1024  # bytes of a ledger


def ask(call: Call) -> Json:
    """`arguments`: ledgers, the directory; paths. All is told as it stands; nothing is judged here."""
    return {
        "units": {name: _state(name) for name in _unit_names()},
        "next": _next_starts(),
        "ledgers": _ledgers(call.arguments["ledgers"]),
        "programs": program.own(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "missing": [path for path in call.arguments["paths"] if not os.path.lexists(path)],
        "now": time.time(),
    }


def perform(call: Call) -> Json:
    """`arguments`: directories (with all that is in them), links, user. Doing it again changes nothing.

    Of the directory of programs only those that `schedule install` made go; who put something else there keeps it.
    """
    arguments = call.arguments
    names = _unit_names()
    for name in sorted(names, key=lambda one: not one.endswith(".timer")):  # nothing may start meanwhile
        services.systemctl("disable", "--now", name, check=False)
    for name in names:
        places.remove(os.path.join(units.LINKS, name))
    if names:
        services.systemctl("daemon-reload")
        services.systemctl("reset-failed", "clm-schedule-*", check=False)
    links = [path for path in arguments["links"] if os.path.islink(path) and places.remove(path)]
    gone = [path for path in arguments["directories"] if os.path.isdir(path) and not os.path.islink(path)]
    for path in gone:
        shutil.rmtree(path)
    programs = program.remove(program.own())
    _forget_kept()
    account = _remove_account(arguments["user"])
    return {"removed": [*names, *links, *gone, *programs, *account]}


def probe(call: Call) -> Json:
    left = [path for path in call.arguments["directories"] if os.path.isdir(path)]
    if not left and not program.own() and not _unit_names():
        return {"state": "done", "removed": []}
    return {"state": "partial"}


def _unit_names() -> list[str]:
    return sorted(name for name in os.listdir(units.LINKS) if _UNIT.fullmatch(name))


def _state(name: str) -> Json:
    said = services.systemctl("show", f"--property={','.join(_SHOWN)}", name)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _next_starts() -> Json:
    """Timer → seconds since 1970; those that will not start anything are left out."""
    said = services.systemctl("list-timers", "--all", "--output=json", "clm-schedule-*")
    return {one["unit"]: one["next"] / 1_000_000 for one in json.loads(said) if one.get("next")}


def _ledgers(directory: str) -> Json:
    """As they are; the control node reads them as it reads anything that others wrote."""
    found: Json = {}
    names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in sorted(names)[:50]:
        path = os.path.join(directory, name)
        if name.endswith(".json") and not os.path.islink(path) and os.path.getsize(path) <= _LARGEST:
            found[name.removesuffix(".json")] = _ledger(path)
    return found


def _ledger(path: str) -> Json | None:
    """None for one that is broken: it must not hide the others."""
    try:
        return dict(json.loads(places.read(path)))
    except (ActError, OSError, TypeError, ValueError):
        return None


def _forget_kept() -> None:
    """What an earlier installation found there may hold an older key."""
    changes = os.listdir(kept.FOLDER) if os.path.isdir(kept.FOLDER) else []
    for change in changes:
        for name in ("schedule", "schedule-account"):
            shutil.rmtree(os.path.join(kept.FOLDER, change, name), ignore_errors=True)


def _remove_account(user: str) -> list[str]:
    """Nothing of its own is left by now, so its number may be given to another."""
    finished = subprocess.run(["userdel", user], capture_output=True, timeout=60, check=False)
    return [f"account {user}"] if finished.returncode == 0 else []
