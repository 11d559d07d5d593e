"""Reads the journal of systemd: that of the release's own units, unless others are named."""

from __future__ import annotations

import subprocess

from .call import ActError, Call, Json
from .health import components_here
from .layout import current
from .units import unit_names

MOST_TEXT = 512 * 1024  # characters: escaped as JSON it still fits the guard's reply


def ask(call: Call) -> Json:
    """`arguments`: root, groups, units, lines, since (as `journalctl --since` takes it; empty: from the first)."""
    units = call.arguments["units"] or _own_units(call.arguments)
    since = [f"--since={call.arguments['since']}"] if call.arguments["since"] else []
    command = [
        "journalctl", "--no-pager", "--quiet", "--output=short-iso", f"--lines={int(call.arguments['lines'])}",
        *since, *(f"--unit={unit}" for unit in units),
    ]  # fmt: skip
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=40, check=False)
    if finished.returncode != 0:
        raise ActError(f"journalctl: {finished.stderr.decode(errors='replace').strip()[-500:]}")
    return {"units": units, "text": finished.stdout.decode(errors="replace")[-MOST_TEXT:]}


def _own_units(arguments: Json) -> list[str]:
    directory = current(arguments["root"])
    units = unit_names(components_here(arguments["root"], directory, arguments["groups"])) if directory else []
    if not units:
        raise ActError("no unit of a release runs here: name a unit, like haproxy.service")
    return units
