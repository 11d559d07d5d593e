"""All of the log that the server has written by now is in the archive: a segment that ends now arrives there."""

from __future__ import annotations

import re
import time

from . import postgres
from .call import ActError, Call, Json

INTERVAL = 1.0  # seconds
_END = "SELECT pg_walfile_name(pg_create_restore_point('clm-restored')), pg_switch_wal() IS NULL"
_ARRIVED = "SELECT coalesce(last_archived_wal, ''), coalesce(last_failed_wal, '') FROM pg_stat_archiver"


def perform(call: Call) -> Json:
    """`arguments`: data, port, timeout (seconds)."""
    # A commit later than any moment that may be asked for: recovery to a time ends before one, or not at all.
    postgres.ask(call.arguments, "SELECT pg_current_xact_id()")
    return {"archived": end_segment(call.arguments, time.monotonic() + call.arguments["timeout"])}


def probe(_call: Call) -> Json:
    """Cheap, and harmless: it is done again."""
    return {"state": "not-done"}


def end_segment(arguments: Json, deadline: float) -> str:
    """Ends the segment that is written, and tells which one arrived. Raises ActError at the deadline."""
    wanted = postgres.ask(arguments, _END)[0][0]
    while True:
        last, failed = postgres.ask(arguments, _ARRIVED)[0]
        if last >= wanted and re.fullmatch(r"[0-9A-F]{24}", last):
            return last
        if time.monotonic() > deadline:
            raise ActError(f"{wanted} does not arrive in the archive (failed last: {failed or 'none'})")
        time.sleep(INTERVAL)
