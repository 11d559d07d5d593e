"""Moves the database schema by the release's own hooks, checked before and after by its own version hook."""

from __future__ import annotations

import time

from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .facts import schema_version
from .layout import manifest_of, release_path

OLDEST = 3600  # seconds that a restore point may lie back when the schema is touched


def perform(call: Call) -> Json:
    """`arguments`: root, user, directory, direction ("apply" or "revert"), expect (version or null), versions (rising),
    timeout (seconds a migration), results (of the restore point that the first of a row rests on)."""
    if probe(call)["state"] == "not-done":  # what has begun is ended: its point is as old as it is
        _refuse_old_point(call.arguments.get("results", {}))
    if call.arguments["direction"] == "revert":
        return _revert(call.arguments, None)
    return _apply(call.arguments)


def restore(call: Call) -> Json:
    """The other way: revert what was applied, a half-done migration included, or apply again what was reverted."""
    if call.arguments["direction"] == "revert":
        return _apply({**call.arguments, "expect": None})
    return _revert(call.arguments, call.before["version"])


def _refuse_old_point(results: Json) -> None:
    """What was written since would be in no point, should this migration go wrong."""
    for told in (result for hosts in results.values() for result in hosts.values()):
        hours = (time.time() - told["completed"]) / 3600
        if hours * 3600 > OLDEST:
            raise ActError(
                f"restore point {told['point']} is {hours:.1f} h old, since this change was interrupted behind it: "
                "take the change back and begin anew, so that it makes another"
            )


def _apply(arguments: Json) -> Json:
    standing, wanted = _standing(arguments), arguments["versions"][-1]
    if standing["version"] >= wanted and not standing["dirty"]:
        return {"schema": standing["version"], "applied": []}
    if standing["dirty"]:
        raise ActError(
            f"the schema is marked dirty at version {standing['version']}: an earlier migration ended half-way"
        )
    expected = (arguments["expect"], *arguments["versions"])
    if arguments["expect"] is not None and standing["version"] not in expected:
        raise ActError(
            f"the schema is at version {standing['version']}, but the plan expects {arguments['expect']}: plan again"
        )
    due = [version for version in arguments["versions"] if version > standing["version"]]
    for version in due:
        _one(arguments, version, "apply")
        _check(arguments, {"version": version, "dirty": False})
    return {"schema": wanted, "applied": due}


def _revert(arguments: Json, before: int | None) -> Json:
    """Newest first, whatever of these migrations is in the schema. `before`: version afterwards, where it is known."""
    standing = _standing(arguments)
    due = [
        version for version in reversed(arguments["versions"]) if version <= standing["version"] or standing["dirty"]
    ]
    for version in due:
        _one(arguments, version, "revert")
    left = _standing(arguments)
    if left["dirty"] or left["version"] >= arguments["versions"][0] or before not in (None, left["version"]):
        state = "dirty" if left["dirty"] else "clean"
        raise ActError(f"the schema is at version {left['version']} ({state}) after the revert, expected {before}")
    return {"schema": left["version"], "reverted": due}


def probe(call: Call) -> Json:
    """The schema itself knows."""
    standing, versions = _standing(call.arguments), call.arguments["versions"]
    if standing["dirty"]:
        return {"state": "partial"}
    is_in = standing["version"] >= versions[-1]
    return {"state": "done" if is_in == (call.arguments["direction"] == "apply") else "not-done"}


def _standing(arguments: Json) -> Json:
    standing = schema_version(arguments["root"], arguments["directory"], arguments["user"])
    if standing is None:
        raise ActError("the release declares no schema")
    return standing


def _one(arguments: Json, version: int, direction: str) -> None:
    root, directory, user = arguments["root"], arguments["directory"], arguments["user"]
    manifest = manifest_of(root, directory)
    migration = next(one for one in manifest["schema"]["migrations"] if one["version"] == version)
    command = migration[direction]
    if command == "irreversible":
        raise ActError(f"migration {version} is declared irreversible")
    variables = environment_of(root, manifest["environment_files"], user)
    try:
        run_hook(command, release_path(root, directory), user, variables, arguments["timeout"])
    except ActError as error:
        raise ActError(f"migration {version} ({direction}): {error}") from None


def _check(arguments: Json, wanted: Json) -> None:
    standing = _standing(arguments)
    if standing != wanted:
        state = "dirty" if standing["dirty"] else "clean"
        raise ActError(f"the schema is at version {standing['version']} ({state}), expected {wanted['version']}")
