"""Asks the release that runs here whether it can run on the schema as it stands, by its own version hook."""

from __future__ import annotations

from .call import ActError, Call, Json
from .facts import schema_version
from .layout import current


def perform(call: Call) -> Json:
    """`arguments`: root, user, needs (lowest version), broken (versions from which on it can't run).

    Raises ActError where it can't: then nothing must be started.
    """
    arguments = call.arguments
    directory = current(arguments["root"])
    standing = schema_version(arguments["root"], directory, arguments["user"]) if directory else None
    if standing is None:
        raise ActError("the release here declares no schema")
    version = standing["version"]
    if standing["dirty"]:
        raise ActError(f"the schema is marked dirty at version {version}: a migration ended half-way")
    if version < arguments["needs"]:
        raise ActError(f"the schema is at version {version}, but {directory} needs {arguments['needs']}")
    beyond = [one for one in arguments["broken"] if arguments["needs"] < one <= version]
    if beyond:
        raise ActError(f"the schema is at version {version}, and {directory} can't run after migration {beyond[0]}")
    return {"version": version}


def probe(_call: Call) -> Json:
    """It changes nothing: done once more it is the answer."""
    return {"state": "not-done"}
