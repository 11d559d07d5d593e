"""A place for a second cluster beside the database's own, on the same host: made, and removed with all that is in it.

PLACE/clm-aside     says that it is ours
PLACE/data          the cluster's data directory, PLACE/data-tablespaces its tablespaces
PLACE/server.log    what the server says while it runs
"""

from __future__ import annotations

import os
import pwd

from . import places, postgres
from .call import ActError, Call, Json

MARK = "clm-aside"
PATIENCE = 3600.0  # seconds that a removal may take


def perform(call: Call) -> Json:
    """`arguments`: data (of the database that runs), place, state ("made" or "gone"); need: bytes that must be free."""
    arguments = call.arguments
    if arguments["state"] == "gone":
        return _remove(arguments)
    if _stands(arguments):
        _remove(arguments)
    _refuse_crowded(arguments)
    account = pwd.getpwnam(postgres.owner(arguments))
    place = real_place(arguments)
    places.make_directory(place, 0o700, account.pw_uid, account.pw_gid)
    places.write(os.path.join(place, MARK), b"made by clmdeploy\n", 0o600, account.pw_uid, account.pw_gid)
    places.make_directory(data_of(arguments), 0o700, account.pw_uid, account.pw_gid)
    return {"state": "made"}


def restore(call: Call) -> Json:
    """Of one that was made: gone, with a server that runs in it."""
    return _remove(call.arguments)


def probe(call: Call) -> Json:
    """Whether it is there."""
    state = "made" if _stands(call.arguments) else "gone"
    return {"state": "done" if state == call.arguments["state"] else "not-done"}


def real_place(arguments: Json) -> str:
    """Where it is. Links above it are the administrator's; below there are none."""
    above, name = os.path.split(str(arguments["place"]))
    return os.path.join(os.path.realpath(above), name)


def data_of(arguments: Json) -> str:
    """The second cluster's data directory."""
    return os.path.join(real_place(arguments), "data")


def _stands(arguments: Json) -> bool:
    """Raises ActError for a place that somebody else has made."""
    place = real_place(arguments)
    found = places.look(place)
    if found is None:
        return False
    if found.kind != "directory" or (os.listdir(place) and places.look(os.path.join(place, MARK)) is None):
        raise ActError(f"{place} is there, and is none of clmdeploy's: move it away")
    return True


def _refuse_crowded(arguments: Json) -> None:
    above = os.path.dirname(real_place(arguments))
    space = os.statvfs(above)
    free = space.f_bavail * space.f_frsize
    if free < arguments["need"]:
        raise ActError(f"{above}: {arguments['need'] // 2**20} MiB are needed, {free // 2**20} MiB are free")


def _remove(arguments: Json) -> Json:
    """By the database's account, so that nothing but its own can go, whatever lies in there."""
    if not _stands(arguments):
        return {"state": "gone"}
    place, account = real_place(arguments), postgres.owner(arguments)
    if postgres.is_running({"data": data_of(arguments)}):
        version = postgres.version_of(data_of(arguments))
        stop = [os.path.join(postgres.BINARIES, version, "bin", "pg_ctl"), "stop", "-m", "immediate", "-D"]
        postgres.run_as(account, [*stop, data_of(arguments)], 60)
    inside = sorted(os.path.join(place, name) for name in os.listdir(place) if name != MARK)
    marks = [os.path.join(place, MARK)]  # goes last: until then it can be told whose this is
    for names in (inside, marks):
        done = postgres.run_as(account, ["rm", "-rf", "--one-file-system", "--", *names], PATIENCE)
        if done.returncode != 0:
            raise ActError(f"{place} can't be removed: {done.stderr.strip()[-300:]}")
    if not places.remove(place):
        raise ActError(f"{place} can't be removed: something came into it meanwhile")
    return {"state": "gone"}
