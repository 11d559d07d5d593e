"""The proxy before the storage, with a small server of its own kind on loopback behind it."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clmdeploy.lab.authority import Authority
from clmdeploy.lab.facts import LabFacts
from clmdeploy.lab.machine import LabError
from clmdeploy.lab.proxy_faults import Fault, Hold, LostAnswer, Refusal, Reset, Rule, Slowness, Truncation
from clmdeploy.lab.spec import LabSpec
from clmdeploy.lab.storage_proxy import Ends, StorageProxy, about

OBJECT = b"x" * 10_000


class Storage(BaseHTTPRequestHandler):
    """Keeps what is put, and every head that came."""

    protocol_version = "HTTP/1.1"
    stored: dict[str, bytes]
    heads: list[bytes]

    def do_PUT(self) -> None:
        self.heads.append(self.raw_requestline + bytes(self.headers))
        self.stored[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        body = self.stored.get(self.path, OBJECT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Nothing."""


class Bench:
    """Proxy, server and a client that trusts the authority of both."""

    def __init__(self, proxy: StorageProxy, storage: type[Storage], authority: Path) -> None:
        self.proxy, self.storage = proxy, storage
        self._context = ssl.create_default_context(cafile=str(authority))

    def client(self) -> http.client.HTTPSConnection:
        ends = self.proxy.ends
        return http.client.HTTPSConnection(ends.address, ends.port, timeout=10, context=self._context)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = self.client()
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def befalls(self, fault: Fault, method: str = "PUT", times: int | None = 1) -> Rule:
        return self.proxy.add(Rule(about(method), fault, times=times))


@contextmanager
def served(storage: type[Storage], certificate: Path) -> Iterator[int]:
    """The port of a server for `storage`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with ThreadingHTTPServer(("127.0.0.1", 0), storage) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def bench(facts_of: Callable[[LabSpec], LabFacts]) -> Iterator[Bench]:
    authority: Authority = facts_of(
        LabSpec(store=False, apps=1, workers=0, databases=0, backup=False, balancer=False)
    ).authority
    certificate = authority.issue("proxy", "IP:127.0.0.1")
    storage = type("OwnStorage", (Storage,), {"stored": {}, "heads": []})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served(storage, certificate) as behind:
        ends = Ends("127.0.0.1", port, certificate, ("127.0.0.1", behind), authority.certificate)
        with StorageProxy(ends) as proxy:
            yield Bench(proxy, storage, authority.certificate)


def test_requests_pass_as_they_came(bench: Bench) -> None:
    """Request line, headers and body reach the server byte for byte: a signature covers them."""
    connection = bench.client()
    connection.putrequest("PUT", "/bucket/a%20key?x=1", skip_accept_encoding=True)
    connection.putheader("X-Amz-Odd", "  a  b ")
    connection.putheader("Content-Length", "4")
    connection.endheaders(b"body")
    assert connection.getresponse().read() == b""
    (head,) = bench.storage.heads
    assert head.startswith(b"PUT /bucket/a%20key?x=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{bench.proxy.ends.port}".encode() in head
    assert bench.storage.stored == {"/bucket/a%20key?x=1": b"body"}
    ((request, status),) = bench.proxy.passed
    assert (request.bucket, request.key, request.query, status) == ("bucket", "a key", {"x": "1"}, 200)


def test_a_client_that_waits_for_leave_gets_it(bench: Bench) -> None:
    """`Expect: 100-continue`, as boto3 sends it, is answered before the body has come."""
    connection = bench.client()
    connection.connect()
    connection.sock.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
    connection.sock.sendall(b"body")
    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert bench.storage.stored == {"/b/k": b"body"}


@pytest.mark.parametrize(("at", "stored"), [("arrived", False), ("answered", True)])
def test_a_request_is_held_at_an_exact_point(bench: Bench, at: str, stored: bool) -> None:
    """Before the server has heard of it, or after it has done it; what is dropped then gets no answer."""
    hold = bench.proxy.hold(about("PUT", "k"), Hold(at))  # type: ignore[arg-type]  # one of the two words
    with closing(bench.client()) as connection:
        connection.request("PUT", "/b/k", b"body")
        assert hold.await_reached(10).body == b"body"
        assert bool(bench.storage.stored) is stored
        hold.drop()
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
    assert bool(bench.storage.stored) is stored
    assert bench.ask("PUT", "/b/k", b"again")[0] == 200


def test_what_is_let_go_goes_on(bench: Bench) -> None:
    """A held request that is let go is carried out and answered."""
    hold = bench.proxy.hold(about("PUT"), Hold("arrived"))
    with closing(bench.client()) as connection:
        connection.request("PUT", "/b/k", b"body")
        hold.await_reached(10)
        hold.let_go()
        assert connection.getresponse().status == 200


def test_a_hold_that_nobody_reaches_is_told(bench: Bench) -> None:
    """Waiting for a request that does not come ends with an error."""
    with pytest.raises(LabError, match="no request"):
        bench.proxy.hold(about("PUT"), Hold("arrived")).await_reached(0.05)


@pytest.mark.parametrize("status", [503, 429])
def test_a_burst_is_refused_and_ends(bench: Bench, status: int) -> None:
    """The error is the proxy's own, for as many requests as the rule says; the server hears of none."""
    rule = bench.befalls(Refusal(status), times=2)
    assert [bench.ask("PUT", "/b/k", b"body")[0] for _ in range(3)] == [status, status, 200]
    assert (rule.hits, len(bench.storage.heads)) == (2, 1)


def test_rules_skip_what_came_before(bench: Bench) -> None:
    """`skip` lets the first matching requests pass."""
    bench.proxy.add(Rule(about("PUT"), Refusal(503), skip=1))
    assert [bench.ask("PUT", "/b/k", b"body")[0] for _ in range(3)] == [200, 503, 200]


def test_a_lost_answer_is_of_an_act_that_was_done(bench: Bench) -> None:
    """The server stores the object; the client sees its connection end."""
    bench.befalls(LostAnswer())
    with pytest.raises((http.client.HTTPException, OSError)):
        bench.ask("PUT", "/b/k", b"body")
    assert bench.storage.stored == {"/b/k": b"body"}


def test_a_connection_is_reset_before_the_server_hears(bench: Bench) -> None:
    """With an RST; nothing is stored."""
    bench.befalls(Reset("request"))
    with pytest.raises((http.client.HTTPException, ConnectionResetError)):
        bench.ask("PUT", "/b/k", b"body")
    assert not bench.storage.stored


def test_a_connection_is_reset_within_the_answer(bench: Bench) -> None:
    """With an RST, when half of head and body has been given."""
    bench.befalls(Reset("answer"), "GET")
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        bench.ask("GET", "/b/k")


def test_an_object_comes_truncated(bench: Bench) -> None:
    """The head promises all of it, half comes."""
    bench.befalls(Truncation(), "GET")
    with pytest.raises(http.client.IncompleteRead) as cut:
        bench.ask("GET", "/b/k")
    assert cut.value.partial == OBJECT[:5000]
    assert bench.ask("GET", "/b/k") == (200, OBJECT)


def test_a_slow_storage_is_slow(bench: Bench) -> None:
    """Late by `delay` seconds, then `rate` bytes a second; whole in the end."""
    bench.befalls(Slowness(delay=0.2, rate=50_000), "GET")
    began = time.monotonic()
    assert bench.ask("GET", "/b/k") == (200, OBJECT)
    assert time.monotonic() - began > 0.35


def test_connections_are_refused_and_accepted_again(bench: Bench) -> None:
    """While the port is closed nobody gets in, and a connection that stood before ends."""
    with closing(bench.client()) as standing:
        standing.request("GET", "/b/k")
        standing.getresponse().read()
        bench.proxy.refuse()
        assert standing.sock.recv(1) == b"", "closed by the proxy"
    with pytest.raises(ConnectionRefusedError):
        bench.ask("GET", "/b/k")
    bench.proxy.accept()
    assert bench.ask("GET", "/b/k")[0] == 200
