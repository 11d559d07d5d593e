"""Tables out of a cluster that was restored aside, one file each, for pg_restore. What runs is not touched.

Files are root's alone: they hold personal data. What was written is noted first, so that whoever takes this back, also
after a power cut, removes just that.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import subprocess
import tempfile
import time

from . import places, postgres, recovery, second_server
from .call import ActError, Call, Json
from .record import replace_file

RECORD = "/var/lib/clmdeploy/tables.json"


def perform(call: Call) -> Json:
    """`arguments`: data, place (see `aside`), database, directory, timeout (seconds), lsn: where the point must have
    been reached, and tables: `schema`, `name` and `file` of each.
    """
    arguments = call.arguments
    deadline = time.monotonic() + arguments["timeout"]
    _prepare(arguments)
    with second_server.running(arguments, deadline) as server:
        timeline, fork = recovery.fork_of(server)
        if arguments.get("lsn") and fork != arguments["lsn"]:
            raise ActError(f"recovery ended at {fork}, but the restore point lies at {arguments['lsn']}")
        files = [_dump(arguments, server, table, deadline) for table in arguments["tables"]]
    result = {"files": files, "timeline": timeline}
    _note({**_noted(arguments), "result": result})
    return result


def restore(call: Call) -> Json:
    """What this change has written is removed, and its directory where this change has made that."""
    noted = _noted(call.arguments)
    for path in noted["files"]:
        places.remove(path)
    if noted["made"]:
        places.remove(call.arguments["directory"])
    with contextlib.suppress(FileNotFoundError):
        os.unlink(RECORD)
    return {"removed": len(noted["files"])}


def probe(call: Call) -> Json:
    """By what was noted."""
    noted = _noted(call.arguments)
    if "result" in noted:
        return {"state": "done", **noted["result"]}
    return {"state": "partial" if noted["files"] else "not-done"}


def _prepare(arguments: Json) -> None:
    """Refuses to overwrite what this very change has not written."""
    noted, directory = _noted(arguments), arguments["directory"]
    paths = [_path(arguments, table) for table in arguments["tables"]]
    try:
        taken = [path for path in paths if places.look(path) is not None and path not in noted["files"]]
        if taken:
            raise ActError(f"{', '.join(taken)}: is there already")
        found = places.look(directory)
        _note({**noted, "files": paths, "made": noted["made"] or found is None})
        if found is None:
            places.make_directory(directory, 0o700, 0, 0)
        elif found.kind != "directory":
            raise ActError(f"{directory}: is no directory")
    except OSError as error:
        raise ActError(f"{directory}: {error.strerror}") from None


def _dump(arguments: Json, server: Json, table: Json, deadline: float) -> Json:
    """In PostgreSQL's own format, compressed; with its partitions where this version knows how."""
    version = postgres.version_of(server["data"])
    option = "--table-and-children" if int(version.split(".")[0]) >= 16 else "--table"
    command = [
        os.path.join(postgres.BINARIES, version, "bin", "pg_dump"), "--format=custom", "--no-password",
        f"--host={server['socket']}", f"--port={server['port']}", f"--dbname={arguments['database']}",
        f"{option}={_pattern(table)}",
    ]  # fmt: skip
    path = _path(arguments, table)
    places.remove(path)
    with places.created(path, 0o600) as file:
        _run(command, postgres.owner(server), file.fileno(), max(1.0, deadline - time.monotonic()))
        file.flush()
        os.fsync(file.fileno())
        return {"table": f"{table['schema']}.{table['name']}", "path": path, "bytes": os.fstat(file.fileno()).st_size}


def _run(command: list[str], account: str, out: int, timeout: float) -> None:
    """Its output goes into a file that its account could not open. Raises ActError in its own words."""
    user = pwd.getpwnam(account)
    with tempfile.TemporaryFile() as told:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=told, timeout=timeout, check=False, cwd="/",
                user=user.pw_uid, group=user.pw_gid, extra_groups=os.getgrouplist(account, user.pw_gid),
                env=postgres.environment_of(account),
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ActError(f"pg_dump: no end after {timeout:.0f} s") from None
        if code != 0:
            told.seek(max(0, os.fstat(told.fileno()).st_size - 500))
            raise ActError(told.read(500).decode("utf-8", "replace").strip() or f"pg_dump ended with {code}")


def _pattern(table: Json) -> str:
    """Between quotes a pattern is just a name."""
    return ".".join('"' + table[key].replace('"', '""') + '"' for key in ("schema", "name"))


def _path(arguments: Json, table: Json) -> str:
    return os.path.join(arguments["directory"], table["file"])


def _noted(arguments: Json) -> Json:
    """Of this change; what another one has noted is over."""
    with contextlib.suppress(FileNotFoundError, ValueError), open(RECORD, encoding="utf-8") as file:
        noted: Json = json.load(file)
        if noted["change"] == arguments["change"]:
            return noted
    return {"change": arguments["change"], "files": [], "made": False}


def _note(noted: Json) -> None:
    replace_file(RECORD, json.dumps(noted, sort_keys=True).encode(), 0o600)
