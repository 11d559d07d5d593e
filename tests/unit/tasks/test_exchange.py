"""One exchange with a program on a host, and what becomes of it when the connection goes; a true SSH server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import paramiko
import pytest

from clmdeploy.tasks.exchange import exchange

COMMAND = ["guard", "run"]


class Guard(paramiko.ServerInterface):
    """Takes any command."""

    def check_auth_none(self, _user: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _number: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, _channel: paramiko.Channel, _command: bytes) -> bool:
        return True


def heard(serving: paramiko.Transport) -> paramiko.Channel:
    """The program's end, when it has read all its input."""
    channel = serving.accept(10)
    while channel.recv(1024):
        pass
    return channel


@pytest.fixture
def ends() -> Iterator[tuple[paramiko.Transport, SimpleNamespace]]:
    """The server's end, and the client's connection."""
    ours, theirs = socket.socketpair()
    with closing(paramiko.Transport(theirs)) as serving, closing(paramiko.Transport(ours)) as client:
        serving.add_server_key(paramiko.RSAKey.generate(2048))
        serving.start_server(server=Guard(), event=threading.Event())
        client.start_client(timeout=10)
        client.auth_none("anybody")
        yield serving, SimpleNamespace(transport=client)


def test_an_answer_comes_whole(ends: tuple[paramiko.Transport, SimpleNamespace]) -> None:
    """Code, standard output and standard error, as the program gave them."""
    serving, connection = ends

    def answer() -> None:
        channel = heard(serving)
        channel.sendall(b"said")
        channel.sendall_stderr(b"complained")
        channel.send_exit_status(3)
        channel.close()

    threading.Thread(target=answer, daemon=True).start()
    assert exchange(connection, COMMAND, b"{}", 10) == (3, b"said", b"complained")  # type: ignore[arg-type]


@pytest.mark.parametrize("lost_by", ["host", "us"])
def test_a_lost_connection_is_told_at_once(ends: tuple[paramiko.Transport, SimpleNamespace], lost_by: str) -> None:
    """Not when the time limit of the act is over: that is hours for a migration."""
    serving, connection = ends

    def lose() -> None:
        heard(serving)
        (serving if lost_by == "host" else connection.transport).close()

    threading.Thread(target=lose, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(EOFError):
        exchange(connection, COMMAND, b"{}", 15)  # type: ignore[arg-type]
    assert time.monotonic() - began < 5
