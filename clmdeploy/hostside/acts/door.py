"""Closes the database to everybody but its own account, and opens it again.

A block of rules before all others in pg_hba.conf: whoever comes is refused, connections that were there are ended.
Replication is left alone: `all` does not mean it (PostgreSQL documentation, 20.1).
"""

from __future__ import annotations

import os

from . import places, postgres
from .call import ActError, Call, Json

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
BEGIN, END = "# clmdeploy: closed for a restore\n", "# clmdeploy: end\n"


def perform(call: Call) -> Json:
    """`arguments`: data, port, state ("closed" or "open")."""
    arguments = call.arguments
    ended = _bring_to(arguments, arguments["state"])
    return {"state": arguments["state"], "ended": ended}


def restore(call: Call) -> Json:
    """Put back the state before."""
    return {"state": call.before["state"], "ended": _bring_to(call.arguments, call.before["state"])}


def probe(call: Call) -> Json:
    """The rules themselves know."""
    return {"state": "done" if state(call.arguments) == call.arguments["state"] else "not-done"}


def state(arguments: Json) -> str:
    return "closed" if BEGIN in _rules(postgres.hba_file(arguments)) else "open"


def close(arguments: Json) -> None:
    """Before a restored cluster starts: its rules of access may have been restored with it."""
    _bring_to(arguments, "closed")


def _bring_to(arguments: Json, wanted: str) -> int:
    """How many connections were ended."""
    account = postgres.owner(arguments)
    path = postgres.hba_file(arguments)
    rules = _without(_rules(path))
    block = f"{BEGIN}local all {account} peer\nlocal all all reject\nhost all all all reject\n{END}"
    _replace(path, block + rules if wanted == "closed" else rules, os.stat(arguments["data"]).st_uid)
    if not postgres.answers(arguments):
        return 0  # it reads its rules when it starts
    postgres.ask(arguments, "SELECT pg_reload_conf()")
    if wanted == "open":
        return 0
    ended = len(postgres.ask(arguments, _END_OTHERS))
    # A commit later than any moment that may be asked for: recovery to a time ends before one, or not at all.
    postgres.ask(arguments, "SELECT pg_current_xact_id()")
    return ended


def _without(rules: str) -> str:
    before, begin, rest = rules.partition(BEGIN)
    if not begin:
        return rules
    _block, end, after = rest.partition(END)
    if not end:
        raise ActError("pg_hba.conf has been edited while it was closed: remove the lines of clmdeploy by hand")
    return before + after


def _rules(path: str) -> str:
    try:
        return places.read(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise ActError(f"{path} is not there") from None


def _replace(path: str, text: str, account: int) -> None:
    """As a whole, with owner and mode as they were.

    The database's account may write beside it, and says itself where it is: root touches nothing that is not its own.
    """
    found = places.look(path)
    if found is None or found.kind != "file" or found.uid != account:
        raise ActError(f"{path}: is no file of the database's account: rules of access are not changed there")
    places.write(path, text.encode("utf-8", "surrogateescape"), found.mode, found.uid, found.gid)
