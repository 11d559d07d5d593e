"""A standby that is built anew: stopped with what it follows kept, and set to follow again once it is restored.

What it follows by may hold a password: it stays on this host.
"""

from __future__ import annotations

import json
import os
import time

from . import places, postgres
from .call import ActError, Call, Json
from .record import replace_file

KEPT = "/var/lib/clmdeploy/standby.json"
SETTINGS = ("primary_conninfo", "primary_slot_name")
INTERVAL = 1.0  # seconds


def perform(call: Call) -> Json:
    """`arguments`: service, data, port, state ("stopped" or "following"), timeout (seconds)."""
    arguments = call.arguments
    if arguments["state"] == "stopped":
        _keep(arguments)
        postgres.stop(arguments, arguments["timeout"])
        return {"state": "stopped"}
    return _follow(arguments)


def restore(call: Call) -> Json:
    """Of a stop: it runs again, as it was."""
    if call.before["state"] == "running":
        postgres.start(call.arguments, call.arguments["timeout"])
    return {"state": call.before["state"]}


def probe(call: Call) -> Json:
    """By its lock file, and by what it says of its connection."""
    arguments = call.arguments
    running = postgres.is_running(arguments)
    if arguments["state"] == "stopped":
        return {"state": "not-done" if running else "done"}
    return {"state": "done", **_streams(arguments)} if running and _streams(arguments) else {"state": "not-done"}


def _keep(arguments: Json) -> None:
    """What is known already is not overwritten by a server that was half restored since."""
    if not postgres.answers(arguments):
        return
    found = {name: postgres.ask(arguments, f"SHOW {name}")[0][0] for name in SETTINGS}
    replace_file(KEPT, json.dumps(found, sort_keys=True).encode(), 0o600)


def _follow(arguments: Json) -> Json:
    deadline = time.monotonic() + arguments["timeout"]
    if not postgres.is_running(arguments):
        _set(arguments)
        postgres.start(arguments, arguments["timeout"])
    while True:
        streams = _streams(arguments)
        if streams:
            return {"state": "following", **streams}
        if time.monotonic() > deadline:
            raise ActError(f"it does not follow the primary: {postgres.last_words(arguments['service'])}")
        time.sleep(INTERVAL)


def _set(arguments: Json) -> None:
    """The restore has put the primary's settings there; the last line of a name counts."""
    data = arguments["data"]
    if not os.path.exists(os.path.join(data, "standby.signal")):
        raise ActError(f"{data} was not restored as a standby")
    try:
        with open(KEPT, encoding="utf-8") as file:
            kept = json.load(file)
    except FileNotFoundError:
        return  # it never ran since this tool knows it: then its own configuration must tell
    lines = "".join(f"{name} = '{_quoted(kept[name])}'\n" for name in SETTINGS if kept.get(name))
    path = os.path.join(data, "postgresql.auto.conf")
    found = places.look(path)
    if found is None or found.kind != "file":
        raise ActError(f"{path}: is no regular file")
    places.write(path, places.read(path) + lines.encode("utf-8", "surrogateescape"), 0o600, found.uid, found.gid)


def _quoted(value: str) -> str:
    if "\n" in value:
        raise ActError("a setting of this standby has a line break in it")
    return value.replace("\\", "\\\\").replace("'", "''")


def _streams(arguments: Json) -> Json:
    """Empty while it does not."""
    if not postgres.answers(arguments):
        return {}
    rows = postgres.ask(arguments, "SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming'")
    return {"timeline": int(rows[0][0] or 0)} if rows else {}
