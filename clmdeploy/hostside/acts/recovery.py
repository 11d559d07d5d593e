"""Starts a cluster that was restored, waits until it has reached its target, and makes it an ordinary one again.

What the restore has set would otherwise be copied to every standby, which would stop or promote itself by it
(pgBackRest #2844).
"""

from __future__ import annotations

import os
import re
import time

from . import door, log_stored, places, postgres
from .call import ActError, Call, Json

INTERVAL = 1.0  # seconds
_SET = re.compile(r"^\s*(restore_command|recovery_target\w*)\s*=", re.MULTILINE)
_MOMENT = re.compile(rb"\s*recovery_target_time\s*=")
_MISSED = "recovery ended before configured recovery target was reached"
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


def perform(call: Call) -> Json:
    """`arguments`: service, data, port, slots (names), timeout (seconds); lsn: where a point must have been
    reached; least: where the end of the log must at least have been; or_end: whether a moment behind the last commit
    of a log that is known to be whole means the end of that log.
    """
    arguments = call.arguments
    deadline = time.monotonic() + arguments["timeout"]
    try:
        _recover(arguments, deadline)
    except ActError as error:
        if not arguments.get("or_end") or _MISSED not in str(error):
            raise
        _aim_at_the_end(arguments)
        _recover(arguments, deadline)
    for name in _settings(arguments):
        postgres.ask(arguments, f"ALTER SYSTEM RESET {name}")
    postgres.ask(arguments, "SELECT pg_reload_conf()")
    for slot in arguments["slots"]:
        _create_slot(arguments, slot)
    timeline, fork = fork_of(arguments)
    fault = _ended_elsewhere(arguments, fork)
    if fault:
        raise ActError(fault)
    return {
        "timeline": timeline,
        "fork": fork,
        "archived": log_stored.end_segment(arguments, deadline),
        "at": time.time(),
    }


def probe(call: Call) -> Json:
    """Done once it takes writes where it was to end, nothing of the restore is set any more and the slots are there."""
    arguments = call.arguments
    if not postgres.answers(arguments) or _recovers(arguments):
        return {"state": "not-done"}
    timeline, fork = fork_of(arguments)
    if _settings(arguments) or _lacking_slots(arguments) or _ended_elsewhere(arguments, fork):
        return {"state": "partial"}
    return {"state": "done", "timeline": timeline, "fork": fork, "archived": "", "at": time.time()}


def _recover(arguments: Json, deadline: float) -> None:
    if not postgres.is_running(arguments):
        door.close(arguments)
        postgres.start(arguments, arguments["timeout"])
    _await_promotion(arguments, deadline)


def _aim_at_the_end(arguments: Json) -> None:
    """Without the moment all of the log is read: nothing in it was committed later than that."""
    path = os.path.join(arguments["data"], "postgresql.auto.conf")
    found = places.look(path)
    if found is None or found.kind != "file" or found.uid != os.stat(arguments["data"]).st_uid:
        raise ActError(f"{path}: is no file of the database's account")
    kept = [line for line in places.read(path).splitlines(keepends=True) if not _MOMENT.match(line)]
    places.write(path, b"".join(kept), found.mode, found.uid, found.gid)


def _await_promotion(arguments: Json, deadline: float) -> None:
    """pg_isready would say yes while it still recovers."""
    while not postgres.answers(arguments) or _recovers(arguments):
        if not postgres.is_running(arguments):
            raise ActError(f"the server ended in recovery: {postgres.last_words(arguments['service'])}")
        if time.monotonic() > deadline:
            raise ActError(f"still in recovery after {arguments['timeout']} s; run it again by resume")
        time.sleep(INTERVAL)


def _recovers(arguments: Json) -> bool:
    return postgres.ask(arguments, "SELECT pg_is_in_recovery()") == [["t"]]


def _settings(arguments: Json) -> list[str]:
    """What the restore has set."""
    try:
        told = postgres.content(arguments, "", "postgresql.auto.conf").decode("utf-8", "replace")
        return sorted(set(_SET.findall(told)))
    except FileNotFoundError:
        return []


def _ended_elsewhere(arguments: Json, fork: str) -> str:
    """Empty where recovery ended as it should have."""
    if arguments.get("lsn") and fork != arguments["lsn"]:
        return f"recovery ended at {fork}, but the restore point lies at {arguments['lsn']}"
    if arguments.get("least") and _position(fork) < _position(arguments["least"]):
        return f"recovery ended at {fork}, but the archive reaches beyond {arguments['least']}"
    return ""


def _lacking_slots(arguments: Json) -> list[str]:
    standing = [row[0] for row in postgres.ask(arguments, "SELECT slot_name FROM pg_replication_slots")]
    return [slot for slot in arguments["slots"] if slot not in standing]


def _create_slot(arguments: Json, slot: str) -> None:
    """Slots are no part of a backup."""
    if not _SLOT.fullmatch(slot):
        raise ActError(f"{slot[:80]!r} is no name of a replication slot")
    standing = [row[0] for row in postgres.ask(arguments, "SELECT slot_name FROM pg_replication_slots")]
    if slot not in standing:
        postgres.ask(arguments, f"SELECT pg_create_physical_replication_slot('{slot}', true)")


def fork_of(arguments: Json) -> tuple[int, str]:
    """The timeline, and where it left the one before: the last line of its history."""
    # The control file's checkpoint tells it some time after the promotion only.
    timeline = int(postgres.ask(arguments, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")[0][0], 16)
    lines = [line.split() for line in postgres.histories(arguments).get(str(timeline), "").splitlines() if line.strip()]
    return timeline, lines[-1][1] if lines else ""


def _position(lsn: str) -> int:
    """Bytes since the beginning of the log; 0 for none."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16) if low else 0
