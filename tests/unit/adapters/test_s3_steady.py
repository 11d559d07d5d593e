"""Reads from a storage whose answers break off or ask for patience: whole, or an error, never a part."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from clmdeploy.adapters import s3_steady
from clmdeploy.adapters.s3 import S3Store
from clmdeploy.adapters.s3_client import S3Connection
from clmdeploy.model.errors import StoreUnavailable
from clmdeploy.model.secret import Secret

BODY = b'{"format": "lease/1"}'
LISTING = (
    b"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><Contents><Key>k</Key></Contents>"
    b"</ListBucketResult>"
)
TROUBLES = ["half", "beheaded", "headless", "throttled"]


class Stutter(BaseHTTPRequestHandler):
    """Answers each GET as the next word of `trouble` says; afterwards as it should."""

    protocol_version = "HTTP/1.1"
    trouble: list[str]

    def do_GET(self) -> None:
        body = LISTING if "list-type" in self.path else BODY
        word = self.trouble.pop(0) if self.trouble else "well"
        status = b"429 Too Many Requests" if word == "throttled" else b"200 OK"
        head = b'HTTP/1.1 %s\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n' % (status, len(body))
        message = {"half": head + body[: len(body) // 2], "beheaded": head[:30], "headless": head[:17]}
        self.wfile.write(message.get(word, head + body))
        self.close_connection = word in message

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(s3_steady.steadily, "__defaults__", ((0, 0, 0),))
    return []


@pytest.fixture
def store(trouble: list[str]) -> Iterator[S3Store]:
    handler = type("Handler", (Stutter,), {"trouble": trouble})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield S3Store(S3Connection(f"http://127.0.0.1:{server.server_port}", Secret("key"), Secret("secret")), "bucket")
        server.shutdown()


@pytest.mark.parametrize("word", TROUBLES)
def test_what_broke_off_is_read_again(store: S3Store, trouble: list[str], word: str, tmp_path: Path) -> None:
    """An object, a file and a listing come whole, though an answer broke off or asked for patience."""
    trouble[:] = [word, word]
    assert store.get("k").body == BODY
    trouble[:] = [word]
    store.download("k", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    trouble[:] = [word]
    assert list(store.keys("")) == ["k"]


@pytest.mark.parametrize("word", TROUBLES)
def test_what_keeps_breaking_off_is_an_error(store: S3Store, trouble: list[str], word: str, tmp_path: Path) -> None:
    """A part is never taken for the whole, nor a silent listing for an empty bucket."""
    for read in (lambda: store.get("k"), lambda: store.download("k", tmp_path / "file"), lambda: store.keys("")):
        trouble[:] = [word] * 40
        with pytest.raises(StoreUnavailable):
            read()
    assert not (tmp_path / "file").exists()
