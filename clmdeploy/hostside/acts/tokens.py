"""What this host has seen of leases: its newest tokens, who claimed one here, and what is at work now."""

from __future__ import annotations

import json
import os

from .call import Call, Json

PATH = "/var/lib/clmdeploy/tokens.json"
RUN = "/run/clmdeploy"


def ask(_call: Call) -> Json:
    """No arguments."""
    return seen()


def seen() -> Json:
    """`tokens`: scope → newest; `claim`: of work without the storage, or null; `acting`: names of units."""
    try:
        with open(PATH, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        found = {}
    acting = [name for name in os.listdir(RUN) if name.startswith("clm-")] if os.path.isdir(RUN) else []
    tokens = {name: value for name, value in found.items() if name != "claim"}
    return {"tokens": tokens, "claim": found.get("claim"), "acting": sorted(acting)}
