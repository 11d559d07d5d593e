"""What this host has seen of leases: its newest tokens, who claimed one here, and what is at work now."""

from __future__ import annotations

import json
import os
import subprocess

from .call import Call, Json

PATH = "/var/lib/clmdeploy/tokens.json"
RUN = "/run/clmdeploy/fleet"


def ask(_call: Call) -> Json:
    """No arguments."""
    return seen()


def seen() -> Json:
    """`tokens`: scope → newest; `claim`: of work without the storage, or null; `acting`: units at work on what runs."""
    try:
        with open(PATH, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        found = {}
    tokens = {name: value for name, value in found.items() if name != "claim"}
    return {"tokens": tokens, "claim": found.get("claim"), "acting": _acting()}


def _acting() -> list[str]:
    """Units of ours that systemd runs. Each has its directory for as long; one that was left behind means nothing."""
    begun = [name + ".service" for name in os.listdir(RUN) if name.startswith("clm-")] if os.path.isdir(RUN) else []
    if not begun:
        return []
    command = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,deactivating", *begun]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return sorted(line.split()[0][: -len(".service")] for line in listing.stdout.splitlines() if line.strip())
