"""Tells a host that is gone from one that takes long: an SSH connection that answers nothing is closed.

paramiko's own keepalive asks for no answer. A host that hangs, or whose link is cut, then looks like one that is at
work, until the time limit of what it was asked: hours for a migration.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Transport

_QUESTION = "keepalive@openssh.com"  # as OpenSSH's ServerAliveInterval asks it; any answer will do


def watch(transport: Transport, interval: float, patience: float) -> None:
    """Ask every `interval` seconds, until the connection is closed; close it when `patience` seconds bring no answer.

    Whoever waits for something on it is told then that it broke. Returns at once.
    """
    threading.Thread(target=_ask, args=(transport, interval, patience), name="liveness", daemon=True).start()


def _ask(transport: Transport, interval: float, patience: float) -> None:
    from paramiko import SSHException  # slow to import

    pause = threading.Event()
    while transport.is_active():
        given_up = threading.Timer(patience, transport.close)
        given_up.daemon = True
        given_up.start()
        try:
            transport.global_request(_QUESTION, wait=True)  # returns when there is an answer, or no connection
        except (EOFError, OSError, SSHException):
            pass  # it could not even be asked: who uses the connection is told, a thread's own words reach nobody
        finally:
            given_up.cancel()
        pause.wait(interval)
