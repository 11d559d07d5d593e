"""Tells how far an engine's work on this host is: the newest line in which it said so."""

from __future__ import annotations

import json
import os
import re

from .call import ActError, Call, Json

PLACE = "/run/clmdeploy/progress"
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,180}")


def ask(call: Call) -> Json:
    """`arguments`: name. `line` in base64, empty while nothing was said."""
    try:
        with open(path_of(call.arguments["name"]), encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {"line": ""}


def path_of(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ActError(f"{name[:80]!r} is no name of a unit")
    return os.path.join(PLACE, name + ".json")
