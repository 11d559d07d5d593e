"""Lets the schedule's own check run in its own unit, and once that went well takes away older programs.

The one before stays: whoever takes this installation back puts units back that name it.
"""

from __future__ import annotations

from . import program, services
from .call import ActError, Call, Json

FOUND = "10"  # exit code of `schedule check`: a run was missed or cut off, or something is not to be believed


def perform(call: Call) -> Json:
    """`arguments`: unit, directory of the program that stays."""
    unit, stays = call.arguments["unit"], call.arguments["directory"]
    try:
        _run(unit)
    except ActError as error:
        raise ActError(f"{error}\n{services.last_lines(unit)}") from None
    older = [name for name in program.own() if name != stays][1:]
    program.proved(stays)
    return {"removed": program.remove(older)}


def _run(unit: str) -> None:
    """Once more where it found something: of a missed run it tells once, of keys that don't work each time."""
    try:
        services.systemctl("start", unit)
    except ActError:
        if services.systemctl("show", "--property=ExecMainStatus", "--value", unit).strip() != FOUND:
            raise
        services.systemctl("start", unit)


def restore(_call: Call) -> Json:
    """It left nothing behind but its lines in the journal."""
    return {}


def probe(_call: Call) -> Json:
    """Tried once more it costs seconds."""
    return {"state": "not-done"}
