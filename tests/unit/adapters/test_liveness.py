"""A connection that answers nothing is closed; one that takes long is left alone. A true SSH server of paramiko's."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import paramiko
import pytest

from clmdeploy.adapters.liveness import watch


class Anybody(paramiko.ServerInterface):
    """Lets everybody in, and answers whatever is asked of it while it is awake."""

    def __init__(self) -> None:
        self.awake = threading.Event()
        self.awake.set()
        self.asked = 0

    def check_auth_none(self, _user: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_global_request(self, _kind: str, _message: paramiko.Message) -> bool:
        self.asked += 1
        self.awake.wait(10)
        return False


@pytest.fixture
def server() -> Iterator[tuple[Anybody, paramiko.Transport]]:
    """The server, and a client's connection to it."""
    ours, theirs = socket.socketpair()
    with closing(paramiko.Transport(theirs)) as serving, closing(paramiko.Transport(ours)) as client:
        anybody = Anybody()
        serving.add_server_key(paramiko.RSAKey.generate(2048))
        serving.start_server(server=anybody, event=threading.Event())
        client.start_client(timeout=10)
        client.auth_none("anybody")
        yield anybody, client
        anybody.awake.set()


def test_a_silent_host_is_given_up(server: tuple[Anybody, paramiko.Transport]) -> None:
    """The system hangs, and its kernel takes every packet: the connection is closed after the time of patience."""
    anybody, client = server
    anybody.awake.clear()
    began = time.monotonic()
    watch(client, interval=0.05, patience=0.5)
    while client.is_active():
        assert time.monotonic() < began + 5
        time.sleep(0.02)
    assert time.monotonic() - began >= 0.5


def test_a_host_that_answers_is_never_given_up(server: tuple[Anybody, paramiko.Transport]) -> None:
    """Though every answer is no: what counts is that somebody is there."""
    anybody, client = server
    watch(client, interval=0.05, patience=0.5)
    deadline = time.monotonic() + 10
    while anybody.asked < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.is_active()


@pytest.mark.parametrize(
    "error", [EOFError(), OSError(32, "Broken pipe"), paramiko.SSHException("Key-exchange timed out")]
)
def test_a_connection_that_breaks_while_it_is_asked_says_nothing_here(
    server: tuple[Anybody, paramiko.Transport], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """No traceback on the operator's screen: who waits for an answer is told. While it stands, it is asked again."""
    anybody, client = server
    raised: list[object] = []
    asked: list[str] = []
    ask = client.global_request

    def breaking(kind: str, wait: bool) -> object:
        asked.append(kind)
        if len(asked) == 1:
            raise error
        return ask(kind, wait=wait)

    monkeypatch.setattr(threading, "excepthook", raised.append)
    monkeypatch.setattr(client, "global_request", breaking)
    watch(client, interval=0.05, patience=5)
    deadline = time.monotonic() + 10
    while not (anybody.asked or raised):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert raised == []
