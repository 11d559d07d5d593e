"""One exchange with a program on a host: bytes in, bytes out, bounded in size and time.

Fabric's own `run` feeds standard input a character at a time with a pause between (invoke's `input_sleep`): a request
of 20 KB would take minutes. So the exchange uses a channel of Fabric's transport itself.
"""

from __future__ import annotations

import select
import shlex
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fabric import Connection
    from paramiko import Channel

LIMIT = 8 * 1024 * 1024
CHUNK = 65536


class Answer(NamedTuple):
    """What the program said."""

    code: int
    stdout: bytes
    stderr: bytes


def exchange(connection: Connection, command: Sequence[str], data: bytes, timeout: float) -> Answer:
    """Run `command` (arguments are quoted, nothing reaches a shell raw) with `data` on its standard input.

    Raises TimeoutError after `timeout` seconds, OSError or EOFError when the connection breaks, ValueError when the
    answer is larger than `LIMIT` bytes.
    """
    deadline = time.monotonic() + timeout
    channel = connection.transport.open_session(timeout=min(timeout, 15))
    try:
        channel.settimeout(timeout)
        channel.exec_command(shlex.join(command))  # quoted by shlex.join
        channel.sendall(data)
        channel.shutdown_write()
        return _collect(channel, deadline)
    finally:
        channel.close()


def _collect(channel: Channel, deadline: float) -> Answer:
    out, err = bytearray(), bytearray()
    while True:
        finished = channel.exit_status_ready()  # asked before reading: nothing can arrive between this and the end
        while channel.recv_ready():
            out += channel.recv(CHUNK)
        while channel.recv_stderr_ready():
            err += channel.recv_stderr(CHUNK)
        if len(out) + len(err) > LIMIT:
            raise ValueError(f"the host answered more than {LIMIT} bytes")
        if finished and channel.eof_received and not channel.recv_ready() and not channel.recv_stderr_ready():
            return Answer(channel.recv_exit_status(), bytes(out), bytes(err))
        if channel.closed and not channel.eof_received:  # exit_status_ready is true of whatever is closed
            raise EOFError("the connection was lost before the host answered")
        if time.monotonic() > deadline:
            raise TimeoutError("no answer within the time limit")
        select.select([channel], [], [], 0.2)
