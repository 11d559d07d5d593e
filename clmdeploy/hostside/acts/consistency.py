"""Compares the rows of the database with the files beside it, by the running release's own hook."""

from __future__ import annotations

import json

from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .layout import current, manifest_of, release_path

MOST_TOLD = 5
MOST_LENGTH = 200


def perform(call: Call) -> Json:
    """`arguments`: root, user. `checked`: how many were compared. Raises ActError with the first that do not agree."""
    return _compared(call.arguments)


def probe(_call: Call) -> Json:
    """It changes nothing: done once more it is the answer."""
    return {"state": "not-done"}


def _compared(arguments: Json) -> Json:
    root, user = arguments["root"], arguments["user"]
    directory = current(root)
    hook = manifest_of(root, directory).get("consistency") if directory else None
    if directory is None or not hook:
        return {"checked": 0, "problems": 0}
    variables = environment_of(root, manifest_of(root, directory)["environment_files"], user)
    said = run_hook(hook["command"], release_path(root, directory), user, variables, hook["timeout"])
    checked, problems = _read(said, hook["command"][0])
    if problems:
        told = "; ".join(str(one)[:MOST_LENGTH] for one in problems[:MOST_TOLD])
        raise ActError(f"{len(problems)} of {checked} rows and files do not agree: {told}")
    return {"checked": checked, "problems": 0}


def _read(said: str, program: str) -> tuple[int, list[Json]]:
    try:
        told = json.loads(said)
        checked, problems = int(told["checked"]), list(told["problems"])
    except (ValueError, KeyError, TypeError):
        raise ActError(f'{program}: expected JSON like {{"checked": 12, "problems": []}}') from None
    return checked, problems
