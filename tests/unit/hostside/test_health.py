"""What a host asks of its own services, and what it takes for an answer."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from clmdeploy.hostside.acts.health import fetch


class _Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, place, body = {"/": (200, None, b"root"), "/away": (302, "/", b"")}.get(self.path, (404, None, b""))
        self.send_response(status)
        if place:
            self.send_header("Location", place)
        self.end_headers()
        self.wfile.write(body or self.path.encode())

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a small web service."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_status_and_body_come_back(service: str) -> None:
    """An address without a path means the root; a fragment is not sent."""
    assert fetch(service, 5) == (200, "root")
    assert fetch(service + "/#part", 5) == (200, "root")


def test_the_path_is_sent_as_it_stands(service: str) -> None:
    """Query included."""
    assert fetch(service + "/a/b?c=d&e=/f", 5) == (404, "/a/b?c=d&e=/f")


def test_a_redirect_is_the_answer(service: str) -> None:
    """It is not followed: a health check that leads elsewhere says nothing of this host."""
    assert fetch(service + "/away", 5)[0] == 302


def test_a_proxy_of_the_environment_is_not_asked(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service itself is meant."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(service, 5) == (200, "root")


def test_nobody_there_is_told_with_the_reason() -> None:
    """A closed port, and one that can't exist."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, reason = fetch(f"http://127.0.0.1:{port}/health", 1)
    assert status is None
    assert "refused" in reason
    assert fetch("http://127.0.0.1:99999/", 1)[0] is None


def test_silence_ends_in_time() -> None:
    """A service that accepts and never answers is not healthy."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert fetch(f"http://127.0.0.1:{mute.getsockname()[1]}/", 0.2) == (None, "timed out")
