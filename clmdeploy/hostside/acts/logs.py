"""Reads the journal of systemd: that of the release's own units, unless others are named."""

from __future__ import annotations

import subprocess

from .call import ActError, Call, Json
from .health import components_here
from .layout import current
from .units import unit_names

MOST_TEXT = 512 * 1024  # characters: escaped as JSON it still fits the guard's reply


def ask(call: Call) -> Json:
    """`arguments`: root, groups, units, lines, since, until (as `journalctl` takes them; empty: no limit).

    `beside`: patterns of further units. With it a host without a release has nothing to tell, which is no failure.
    `cut`: older lines are left out.
    """
    arguments = call.arguments
    beside = arguments.get("beside") or []
    units = [*(arguments["units"] or _own_units(arguments, needed=not beside)), *beside]
    limits = [f"--{name}={arguments[name]}" for name in ("since", "until") if arguments.get(name)]
    command = [
        "journalctl", "--no-pager", "--quiet", "--output=short-iso", f"--lines={int(arguments['lines'])}",
        *limits, *(f"--unit={unit}" for unit in units),
    ]  # fmt: skip
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=40, check=False)
    if finished.returncode != 0 and not (beside and b"No data available" in finished.stderr):  # no unit of a pattern
        raise ActError(f"journalctl: {finished.stderr.decode(errors='replace').strip()[-500:]}")
    text = finished.stdout.decode(errors="replace")
    cut = len(text) > MOST_TEXT or text.count("\n") >= int(arguments["lines"])
    return {"units": units, "text": text[-MOST_TEXT:], "cut": cut}


def _own_units(arguments: Json, *, needed: bool) -> list[str]:
    directory = current(arguments["root"])
    units = unit_names(components_here(arguments["root"], directory, arguments["groups"])) if directory else []
    if not units and needed:
        raise ActError("no unit of a release runs here: name a unit, like haproxy.service")
    return units
