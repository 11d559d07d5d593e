"""Moves the database schema by the release's own hooks, checked before and after by its own version hook."""

from __future__ import annotations

from collections.abc import Callable

from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .facts import schema_version
from .layout import manifest_of, release_path


def perform(call: Call) -> Json:
    """`arguments`: root, user, directory, expect (version or null), versions (to apply, rising), timeout (seconds a migration)."""
    arguments = call.arguments
    standing = _standing(arguments)
    wanted = arguments["versions"][-1]
    if standing == {"version": wanted, "dirty": False}:
        return {"schema": wanted, "applied": []}
    if standing["dirty"]:
        raise ActError(
            f"the schema is marked dirty at version {standing['version']}: an earlier migration ended half-way"
        )
    if arguments["expect"] is not None and standing["version"] not in (arguments["expect"], *arguments["versions"]):
        raise ActError(
            f"the schema is at version {standing['version']}, but the plan expects {arguments['expect']}: plan again"
        )
    due = [version for version in arguments["versions"] if version > standing["version"]]
    for version in due:
        _one(arguments, version, "apply")
        _check(
            arguments,
            lambda state, version=version: state == {"version": version, "dirty": False},
            f"version {version}",
        )
    return {"schema": wanted, "applied": due}


def restore(call: Call) -> Json:
    """Revert, newest first, whatever of this step's migrations is in the schema, a half-done one included."""
    arguments, before = call.arguments, call.before["version"]
    standing = _standing(arguments)
    due = [version for version in reversed(arguments["versions"]) if _is_in(version, standing)]
    if before is None:
        before = min(arguments["versions"]) - 1
    for version in due:
        _one(arguments, version, "revert")
    _check(
        arguments, lambda state: not state["dirty"] and state["version"] <= before, f"version {before} after the revert"
    )
    return {"schema": before, "reverted": due}


def probe(call: Call) -> Json:
    """The schema itself knows."""
    standing = _standing(call.arguments)
    if standing["dirty"]:
        return {"state": "partial"}
    return {"state": "done" if standing["version"] >= call.arguments["versions"][-1] else "not-done"}


def _is_in(version: int, standing: Json) -> bool:
    """Whether a migration is in the schema: applied, or begun and marked dirty."""
    return version <= standing["version"] or bool(standing["dirty"])


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


def _check(arguments: Json, is_right: Callable[[Json], bool], wanted: str) -> None:
    standing = _standing(arguments)
    if not is_right(standing):
        state = "dirty" if standing["dirty"] else "clean"
        raise ActError(f"the schema is at version {standing['version']} ({state}), expected {wanted}")
