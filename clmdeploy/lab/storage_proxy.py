"""Stands between clmdeploy and the lab's S3 server, and lets happen on the way what rules say.

Every act of a change is announced in the journal before and its result is written after, so that a request held here
is an exact point of a change: nothing in the product helps to get there.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from clmdeploy.lab.proxy_faults import Fault, Hold, LostAnswer, Matching, Refusal, Reset, Rule, Slowness, Truncation
from clmdeploy.lab.proxy_wire import S3Answer, S3Request, WireError, read_answer, read_body, read_head

_SILENCE = 120.0  # seconds without a byte after which a connection is given up
_CODES = {429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}
_PIECES = 10  # of a slow answer, each second
_REMEMBERED = 20_000


@dataclass(frozen=True)
class Ends:
    """Where the proxy listens, and the server behind it; both speak TLS under one authority."""

    address: str
    port: int
    certificate: Path
    """PEM of the proxy's own; its key lies beside it with the suffix .key"""
    server: tuple[str, int]
    authority: Path


class StorageProxy:
    """Runs while the block lasts, a thread for each connection. Requests pass unchanged where no rule claims them."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.passed: deque[tuple[S3Request, int]] = deque(maxlen=_REMEMBERED)
        """Every request that the server answered, with the answer's status, oldest first."""
        self._rules: list[Rule] = []
        self._lock = threading.RLock()  # a rule that is asked may close the port
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ours.load_cert_chain(ends.certificate, ends.certificate.with_suffix(".key"))
        self._theirs = ssl.create_default_context(cafile=str(ends.authority))

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        self.refuse()

    @property
    def endpoint(self) -> str:
        """For storage.endpoint of clm.yml."""
        return f"https://{self.ends.address}:{self.ends.port}"

    def add(self, rule: Rule) -> Rule:
        """Let a rule hold from the next request on; older rules come first."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def hold(self, matching: Matching, fault: Hold, skip: int = 0) -> Hold:
        """Hold one matching request."""
        self.add(Rule(matching, fault, skip))
        return fault

    def clear(self) -> None:
        """Forget every rule; what is held is dropped."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            if isinstance(rule.fault, Hold):
                rule.fault.drop()

    def accept(self) -> None:
        """Listen (again)."""
        if self._listener is None:
            self._listener = socket.create_server((self.ends.address, self.ends.port), backlog=128)
            threading.Thread(target=self._serve, args=(self._listener,), name="storage-proxy", daemon=True).start()

    def refuse(self) -> None:
        """Close the port: connections are refused from now on, and those that stand are closed."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
            listener.close()
        with self._lock:
            standing = list(self._open)
        for connection in standing:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # its thread wakes, and closes it

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:  # closed by `refuse`
                return
            threading.Thread(target=self._attend, args=(connection, peer[0]), daemon=True).start()

    def _attend(self, plain: socket.socket, peer: str) -> None:
        """One client until it goes."""
        plain.settimeout(_SILENCE)
        with contextlib.suppress(OSError, WireError), plain, self._ours.wrap_socket(plain, server_side=True) as client:
            with self._lock:
                self._open.add(client)
            try:
                self._converse(client, peer)
            finally:
                with self._lock:
                    self._open.discard(client)

    def _converse(self, client: ssl.SSLSocket, peer: str) -> None:
        with cast(BinaryIO, client.makefile("rb")) as stream:
            while (request := self._request(client, stream, peer)) is not None and self._handle(client, request):
                pass

    def _request(self, client: ssl.SSLSocket, stream: BinaryIO, peer: str) -> S3Request | None:
        head = read_head(stream)
        if not head:
            return None
        if b"\nexpect: 100-continue" in head.lower():
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return S3Request(head, read_body(stream, head), peer)

    def _handle(self, client: ssl.SSLSocket, request: S3Request) -> bool:
        """Whether the connection can be used for a next request."""
        fault = self._fault(request)
        if isinstance(fault, Refusal):
            client.sendall(_refusal(fault.status, request.method))
            return True
        if isinstance(fault, Reset) and fault.within == "request":
            return _reset(client)
        if isinstance(fault, Hold) and fault.at == "arrived" and not fault.keep(request):
            return False
        if isinstance(fault, Slowness):
            time.sleep(fault.delay)
        answer = self._forwarded(request)
        if isinstance(fault, Hold) and fault.at == "answered" and not fault.keep(request):
            return False
        return _give(client, answer, fault)

    def _fault(self, request: S3Request) -> Fault | None:
        with self._lock:
            return next((rule.fault for rule in self._rules if rule.claims(request)), None)

    def _forwarded(self, request: S3Request) -> S3Answer:
        """A connection of its own for each request: none can be stale."""
        with (
            socket.create_connection(self.ends.server, timeout=_SILENCE) as plain,
            self._theirs.wrap_socket(plain, server_hostname=self.ends.server[0]) as server,
        ):
            server.sendall(request.head + request.body)
            answer = read_answer(cast(BinaryIO, server.makefile("rb")), request.method)
        self.passed.append((request, answer.status))
        return answer


def _give(client: ssl.SSLSocket, answer: S3Answer, fault: Fault | None) -> bool:
    message = answer.head + answer.body
    match fault:
        case LostAnswer():
            return False
        case Truncation():
            client.sendall(answer.head + answer.body[: len(answer.body) // 2])
            return False
        case Reset():
            client.sendall(message[: len(message) // 2])
            return _reset(client)
        case Slowness(rate=rate) if rate:
            for piece in _pieces(message, rate):
                client.sendall(piece)
                time.sleep(1 / _PIECES)
        case _:
            client.sendall(message)
    return True


def _pieces(message: bytes, rate: float) -> Iterator[bytes]:
    size = max(1, int(rate / _PIECES))
    return (message[start : start + size] for start in range(0, len(message), size))


def _refusal(status: int, method: str) -> bytes:
    code = _CODES[status]
    body = b"" if method == "HEAD" else f"<Error><Code>{code}</Code><Message>made up</Message></Error>".encode()
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _reset(connection: socket.socket) -> bool:
    """Let the close that follows send an RST instead of a FIN: socket(7), SO_LINGER. False: of no use any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def about(method: str, suffix: str = "", prefix: str = "") -> Matching:
    """Requests by method whose key has this beginning and end."""
    return lambda request: request.method == method and request.key.startswith(prefix) and request.key.endswith(suffix)
