"""A database cluster on this host: what is true of it, stopping it, starting it."""

from __future__ import annotations

import os

from . import postgres
from .call import ActError, Call, Json

# The number of rows ever written: what a restore would lose is told by it. A crash begins all statistics anew, so
# that those of the background writer tell which count this is.
_COUNTERS = """
    SELECT datname, datid, tup_inserted, tup_updated, tup_deleted, extract(epoch FROM clock_timestamp()),
           concat_ws('/', coalesce(extract(epoch FROM stats_reset)::text, '-'),
                     (SELECT extract(epoch FROM stats_reset)::text FROM pg_stat_bgwriter))
    FROM pg_stat_database WHERE datname ~ '^[A-Za-z0-9_-]+$'
"""
_SLOT = "SELECT current_setting('primary_slot_name')"
_SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name"
_STATE = """
    SELECT pg_is_in_recovery(), current_setting('server_version_num'), extract(epoch FROM clock_timestamp()),
           (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
           (SELECT sum(pg_database_size(oid)) FROM pg_database)
"""


def perform(call: Call) -> Json:
    """`arguments`: service, data, port, state ("running" or "stopped"), timeout (seconds); archived: whether what is
    stopped must have archived its log to the end, since what follows removes it."""
    arguments = call.arguments
    if arguments["state"] == "running":
        postgres.start(arguments, arguments["timeout"])
    else:
        postgres.stop(arguments, arguments["timeout"])
        left = postgres.unarchived(arguments) if arguments.get("archived") else []
        if left:
            raise ActError(f"the archive lacks {len(left)} segments of the log, {left[0]} first: they would be lost")
    return {"state": arguments["state"]}


def restore(call: Call) -> Json:
    """Put back the state before; never start what a restore has left half-done."""
    wanted = call.before["state"]
    if wanted == "running" and os.path.exists(os.path.join(call.arguments["data"], "backup.manifest")):
        raise ActError(f"{call.arguments['data']} is half restored: finish that by resume")
    return perform(call._replace(arguments={**call.arguments, "state": wanted}))


def probe(call: Call) -> Json:
    """By its lock file."""
    state = "running" if postgres.is_running(call.arguments) else "stopped"
    return {"state": "done" if state == call.arguments["state"] else "not-done"}


def ask(call: Call) -> Json:
    """What can be told of it, whether it runs or not; `readable` says whether it answers questions.

    `arguments`: data, port; counts: the database whose written rows are told.
    """
    arguments = call.arguments
    answer = {"running": postgres.is_running(arguments), "readable": False, "histories": postgres.histories(arguments),
              "free": _free(arguments["data"]), "used": _used(arguments["data"]),
              "beside": _free(os.path.dirname(arguments["data"]))}  # fmt: skip
    try:
        control = postgres.control(arguments)
    except ActError as error:
        return {**answer, "fault": str(error)}
    answer |= {
        "system_id": control.get("Database system identifier", ""), "version": control["version"],
        "timeline": int(control.get("Latest checkpoint's TimeLineID") or 0),
    }  # fmt: skip
    try:
        return {**answer, **_told(arguments)}
    except ActError as error:
        return {**answer, "fault": str(error)}


def _told(arguments: Json) -> Json:
    recovery, version, clock, system, timeline, size = postgres.ask(arguments, _STATE)[0]
    slots = postgres.ask(arguments, _SLOTS)
    return {
        "readable": True, "recovery": recovery == "t", "server": int(version), "clock": float(clock),
        "system_id": system, "timeline": int(timeline), "size": int(size), "slots": [row[0] for row in slots],
        **_counters(arguments), "slot": postgres.ask(arguments, _SLOT)[0][0],
    }  # fmt: skip


def _counters(arguments: Json) -> Json:
    """Nothing of a database that is not there."""
    found = {row[0]: row[1:] for row in postgres.ask(arguments, _COUNTERS)}.get(arguments.get("counts", ""))
    if found is None:
        return {}
    oid, inserted, updated, deleted, clock, statistics = found
    counted = {"inserted": int(inserted), "updated": int(updated), "deleted": int(deleted)}
    return {"oid": int(oid), "counters": {**counted, "at": float(clock), "statistics": statistics}}


def _free(data: str) -> int:
    space = os.statvfs(data if os.path.isdir(data) else os.path.dirname(data) or "/")
    return space.f_bavail * space.f_frsize


def _used(data: str) -> int:
    """Bytes on the disk of everything in the data directory: a delta restore reuses or frees them."""
    total = 0
    for folder, _folders, names in os.walk(data):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue  # a running server removes files all the time
    return total
