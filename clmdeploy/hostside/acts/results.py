"""Reads what the guard has kept of one change's units on this host."""

from __future__ import annotations

import json
import os
import re

from .call import ActError, Call, Json

ACTS = "/var/lib/clmdeploy/acts"
MOST = 200
MOST_BYTES = 1024 * 1024  # of all together: they still fit the guard's reply


def ask(call: Call) -> Json:
    """`arguments`: change. Unit → what came of it; `cut`: some are left out."""
    prefix = f"clm-{call.arguments['change']}-".lower().replace("_", "-")
    if not re.fullmatch(r"clm-[a-z0-9][a-z0-9.-]{0,180}", prefix):
        raise ActError("this is not the ID of a change")
    names = sorted(name for name in os.listdir(ACTS) if name.startswith(prefix) and name.endswith(".json"))
    found, room = {}, MOST_BYTES
    for name in names[:MOST]:
        room -= os.path.getsize(os.path.join(ACTS, name))
        if room < 0:
            break
        found[name[: -len(".json")]] = _read(os.path.join(ACTS, name))
    return {"units": found, "cut": len(found) < len(names)}


def _read(path: str) -> Json:
    """A result that is being written this moment is told as it was."""
    with open(path, encoding="utf-8") as file:
        return dict(json.load(file))
