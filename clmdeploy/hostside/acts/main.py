"""Runs one call: reads it from its directory, writes the reply beside it.

Only the act that is asked for is imported: all of them take a tenth of a second of each host's time, every time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from .call import ActError, Json, read_call

ACTS = (
    "archiver", "archiving", "arrange", "aside", "authority", "balance", "cluster", "components", "consistency", "door",
    "dump", "dumpable", "dumped", "engine", "facts", "health", "identity", "inspect", "log_stored", "logs", "migrate",
    "objects", "output", "program", "progress", "prune", "reading", "recovery", "releases", "results", "schedule",
    "schema", "segments", "software", "stage", "standby", "switch", "tables", "tokens", "trial", "undump",
)  # fmt: skip
VERBS = ("perform", "restore", "probe", "ask")


def reply_to(place: str) -> Json:
    call = read_call(place)
    known = call.act in ACTS and call.verb in VERBS
    function = getattr(importlib.import_module("." + call.act, __package__), call.verb, None) if known else None
    if function is None:
        return {"status": "failed", "message": f"no act {call.act!r} with verb {call.verb!r}", "result": {}}
    try:
        return {"status": "done", "message": "", "result": function(call)}
    except ActError as error:
        return {"status": "failed", "message": str(error), "result": {}}
    except Exception as error:  # noqa: BLE001  # whatever an act raises must become a reply: silence is "unknown"
        return {"status": "failed", "message": f"{call.act}: {type(error).__name__}: {error}"[:2000], "result": {}}


def main(arguments: list[str]) -> int:
    os.umask(0o022)
    place = arguments[1]
    reply = reply_to(place)
    beside = os.path.join(place, "reply.json.new")
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(reply, file, sort_keys=True)
    os.replace(beside, os.path.join(place, "reply.json"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
