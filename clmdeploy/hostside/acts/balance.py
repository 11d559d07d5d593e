"""Takes a server out of an HAProxy backend and back, through the runtime socket, and waits until it is so.

Commands and states: HAProxy Management Guide 3.0, section 9.3 ("set server", "show servers state", "show stat").
"""

from __future__ import annotations

import csv
import socket
import time

from . import record, tokens
from .call import ActError, Call, Json

INTERVAL = 0.1
ADMIN = {0: "ready", 1: "maint", 8: "drain"}  # srv_admin_state: bit 0 forced maintenance, bit 3 forced drain
HELD = 0x01 | 0x08


class StillOpen(ActError):
    """Sessions of a drained server did not end in time."""

    def __init__(self, name: str, sessions: int, limit: int) -> None:
        super().__init__(f"{name}: {sessions} sessions are still open after {limit} s")
        self.sessions = sessions


def perform(call: Call) -> Json:
    """`arguments`: socket, backend, server, state ("drain", "maint" or "ready"), expect, limit (seconds); cut: sessions
    that are still open then are ended by what follows.
    """
    arguments = call.arguments
    standing = admin_state(arguments)
    if standing not in (arguments["state"], arguments["expect"]) or _is_others(arguments, standing):
        raise ActError(
            f"{_name(arguments)} is in state {standing!r}; the plan expects {arguments['expect']!r}: somebody holds it"
        )
    changed = _bring_to(arguments, arguments["state"], standing)
    try:
        _settle(arguments, arguments["state"])
    except StillOpen as left:
        if not arguments.get("cut"):
            raise
        return {"state": arguments["state"], "changed": changed, "sessions": left.sessions}
    return {"state": arguments["state"], "changed": changed}


def restore(call: Call) -> Json:
    """Put back the state before, only where what stands is what this work set.

    When that is to drain a server again, sessions that do not end must not keep a bad release in place: they are
    counted.
    """
    arguments, before = call.arguments, call.before["state"]
    standing = admin_state(arguments)
    if standing not in (arguments["state"], before):
        raise ActError(f"{_name(arguments)} is in state {standing!r}: somebody else set it since; nothing was put back")
    changed, sessions = _bring_to(arguments, before, standing), 0
    try:
        _settle(arguments, before)
    except StillOpen as left:
        sessions = left.sessions
    return {"state": before, "changed": changed, "sessions": sessions}


def probe(call: Call) -> Json:
    """The balancer itself knows."""
    return {"state": "done" if admin_state(call.arguments) == call.arguments["state"] else "not-done"}


def ask(call: Call) -> Json:
    """`arguments`: socket, servers [{backend, server}]: of each the administrative state, the check's verdict, and the
    change that holds it drained, where it is one of ours.
    """
    answers, holders = {}, record.read().get("drained") or {}
    for one in call.arguments["servers"]:
        place = {**one, "socket": call.arguments["socket"]}
        answers[f"{one['backend']}/{one['server']}"] = {
            "state": admin_state(place),
            "status": _stat(place)["status"],
            "holder": holders.get(_name(place), ""),
        }
    return {"servers": answers, **tokens.seen()}


def admin_state(arguments: Json) -> str:
    """`ready`, `drain`, `maint`, or `other` of one server."""
    rows = _command(arguments["socket"], f"show servers state {arguments['backend']}").splitlines()
    for row in rows:
        fields = row.split()
        if len(fields) > 6 and fields[1] == arguments["backend"] and fields[3] == arguments["server"]:
            return ADMIN.get(int(fields[6]) & HELD, "other")
    raise ActError(
        f"{_name(arguments)}: the balancer has no such server; compare its configuration with balancer.backends"
    )


def _is_others(arguments: Json, standing: str) -> bool:
    """Whether somebody else has drained the server since the plan: it is not ours to put into rotation later."""
    if standing == arguments["expect"] or standing != "drain":
        return False
    holders: Json = record.read().get("drained") or {}
    return bool(holders.get(_name(arguments)) != arguments["change"])


def _bring_to(arguments: Json, wanted: str, standing: str) -> bool:
    """Whether there was anything to set. What is drained is written down before: a cut in between forgets nothing."""
    if standing == wanted:
        if wanted == "ready" and _name(arguments) in (record.read().get("drained") or {}):
            _remember(arguments, wanted)  # the balancer was restarted, and has forgotten what it held drained
        return False
    if wanted != "ready":
        _remember(arguments, wanted)
    said = _command(arguments["socket"], f"set server {_name(arguments)} state {wanted}").strip()
    if said:
        raise ActError(f"{_name(arguments)}: the balancer says: {said[:300]}")
    _remember(arguments, wanted)
    return True


def _settle(arguments: Json, wanted: str) -> None:
    """Drained: no session is left (else StillOpen). Ready: the balancer's own check says UP."""
    deadline = time.monotonic() + arguments["limit"]
    while True:
        row = _stat(arguments)
        if (wanted == "ready" and row["status"].startswith(("UP", "no check"))) or (
            wanted != "ready" and int(row["scur"] or 0) == 0
        ):
            return
        if time.monotonic() > deadline:
            if wanted != "ready":
                raise StillOpen(_name(arguments), int(row["scur"]), arguments["limit"])
            raise ActError(f"{_name(arguments)}: its check says {row['status']} after {arguments['limit']} s")
        time.sleep(INTERVAL)


def _stat(arguments: Json) -> Json:
    text = _command(arguments["socket"], "show stat").lstrip("# ")
    for row in csv.DictReader(text.splitlines()):
        if row["pxname"] == arguments["backend"] and row["svname"] == arguments["server"]:
            return row
    raise ActError(f"{_name(arguments)}: the balancer shows no statistics of this server")


def _remember(arguments: Json, state: str) -> None:
    """The host record tells what this tool holds drained here, so that nothing stays forgotten."""
    drained = dict(record.read().get("drained") or {})
    drained.pop(_name(arguments), None)
    if state != "ready":
        drained[_name(arguments)] = arguments["change"]
    record.update(drained=drained)


def _name(arguments: Json) -> str:
    return f"{arguments['backend']}/{arguments['server']}"


def _command(path: str, text: str) -> str:
    if "\n" in text or ";" in text:
        raise ActError("a backend or server name holds a separator")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(text.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    except OSError as error:
        raise ActError(f"{path}: the balancer does not answer: {error.strerror or error}") from None
