"""Conditional writes over a network that loses answers: a storage on loopback that misbehaves on request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from clmdeploy.adapters.s3 import S3Store
from clmdeploy.adapters.s3_client import S3Connection
from clmdeploy.model.errors import ClmError, Conflict, NoBucket, StoreRefused, StoreUnavailable
from clmdeploy.model.secret import Secret

KEY = "staging/lease/fleet"
PATH = f"/bucket/{KEY}"


@dataclass
class Storage:
    """Objects, and what goes wrong: one word a PUT, used up from the front.

    `drop`: written, the connection is closed without an answer. `error`: written, answered 500. `busy`: not written,
    answered 503. `throttle`: likewise with 429. `conflict`: not written, answered 409. `behead`: written, the answer
    breaks off after its first line. `portal`: not written, and a page for people instead of an answer. Any other word:
    in order. `heads_cut`: of every object the answer to HEAD breaks off.
    """

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    before_put: Callable[[], None] = lambda: None
    puts: int = 0
    keeps_conditions: bool = True
    bare_etags: bool = False
    heads_cut: bool = False
    needs_md5: bool = False
    date: str | None = None

    def refuses(self, path: str, if_none_match: str | None, if_match: str | None) -> bool:
        present = self.objects.get(path)
        if not self.keeps_conditions:
            return False
        if if_none_match == "*" and present is not None:
            return True
        expected = None if present is None else _etag(present).strip('"') if self.bare_etags else _etag(present)
        return if_match is not None and if_match != expected


_REFUSALS = {
    "busy": (503, "SlowDown"), "throttle": (429, "TooManyRequests"), "conflict": (409, "ConditionalRequestConflict"),
}  # fmt: skip


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _handler(storage: Storage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            storage.puts += 1
            storage.before_put()
            word = storage.trouble.pop(0) if storage.trouble else "well"
            if storage.needs_md5 and self.headers.get("Content-MD5") != _md5(body):
                self._fail(400, "InvalidRequest")
            elif word in _REFUSALS:
                self._fail(*_REFUSALS[word])
            elif word == "portal":
                self._send(200, b"<html><body>log in, please<br></body>")
            elif storage.refuses(self.path, self.headers.get("If-None-Match"), self.headers.get("If-Match")):
                self._fail(412, "PreconditionFailed")
            else:
                storage.objects[self.path] = body
                self._answer_written(word, body)

        def _answer_written(self, word: str, body: bytes) -> None:
            if word == "drop":
                self.close_connection = True
                self.connection.close()
            elif word == "error":
                self._fail(500, "InternalError")
            elif word == "behead":
                self._behead()
            else:
                self._send(200, b"", ETag=_etag(body))

        def do_GET(self) -> None:
            body = storage.objects.get(self.path)
            if body is None:
                self._fail(404, "NoSuchKey")
            else:
                self._send(200, body, ETag=_etag(body))

        def do_HEAD(self) -> None:
            self._behead() if storage.heads_cut else self.do_GET()

        def do_DELETE(self) -> None:
            storage.objects.pop(self.path, None)
            self._send(204, b"")

        def _fail(self, status: int, code: str) -> None:
            self._send(status, f"<Error><Code>{code}</Code><Message>of a stub</Message></Error>".encode())

        def _behead(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nDa")
            self.close_connection = True
            self.connection.close()

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response_only(status)
            headers |= {"Date": storage.date or self.date_time_string(), "Content-Length": str(len(body))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    return Handler


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(storage))
    server.daemon_threads = True
    storage.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield storage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def store(storage: Storage) -> S3Store:
    store = S3Store(
        S3Connection(f"http://127.0.0.1:{storage.port}", Secret("key"), Secret("secret"), read_timeout=5), "bucket"
    )
    store._conditional.pauses = (0, 0, 0)
    return store


@pytest.mark.parametrize("trouble", ["drop", "error", "behead"])
def test_a_create_whose_answer_was_lost_is_ones_own(storage: Storage, store: S3Store, trouble: str) -> None:
    """The write happened, its answer did not arrive: the repetition's 412 is the echo of our success."""
    storage.trouble = [trouble]
    assert store.put(KEY, b"mine, nonce 1", only_if_absent=True) == _etag(b"mine, nonce 1")
    assert storage.puts == 2
    assert storage.objects[PATH] == b"mine, nonce 1"


@pytest.mark.parametrize("trouble", ["drop", "error", "behead"])
def test_a_replacement_whose_answer_was_lost_is_ones_own(storage: Storage, store: S3Store, trouble: str) -> None:
    """The same for a write on the condition of an etag."""
    etag = store.put(KEY, b"before")
    storage.trouble = [trouble]
    assert store.put(KEY, b"mine, nonce 2", only_if_etag=etag) == _etag(b"mine, nonce 2")


@pytest.mark.parametrize(
    "trouble", [["busy"], ["throttle"], ["conflict"], ["busy", "throttle", "busy"], ["drop", "drop", "drop"]]
)
def test_a_busy_storage_is_asked_again(storage: Storage, store: S3Store, trouble: list[str]) -> None:
    """Up to three repetitions, as often as the storage asks for them."""
    storage.trouble = trouble
    assert store.put(KEY, b"mine", only_if_absent=True) == _etag(b"mine")
    assert storage.objects[PATH] == b"mine"


def test_somebody_else_was_first_while_our_answer_was_lost(storage: Storage, store: S3Store) -> None:
    """The first attempt never arrived, another writer came between: their bytes are not ours, so we lost."""
    storage.trouble = ["busy"]

    def come_between() -> None:
        if storage.puts == 2:
            storage.objects[PATH] = b"theirs"

    storage.before_put = come_between
    with pytest.raises(Conflict):
        store.put(KEY, b"mine", only_if_absent=True)
    assert storage.objects[PATH] == b"theirs"


def test_ours_was_overwritten_while_our_answer_was_lost(storage: Storage, store: S3Store) -> None:
    """Written, answer lost, and then replaced by somebody: what is there is not ours any more."""
    storage.trouble = ["drop"]

    def come_between() -> None:
        if storage.puts == 2:
            storage.objects[PATH] = b"theirs"

    storage.before_put = come_between
    with pytest.raises(Conflict):
        store.put(KEY, b"mine", only_if_absent=True)


def test_equal_bytes_are_not_ones_own_without_a_lost_answer(storage: Storage, store: S3Store) -> None:
    """A refusal at the first attempt is a refusal, whatever the object holds."""
    storage.objects[PATH] = b"same"
    with pytest.raises(Conflict):
        store.put(KEY, b"same", only_if_absent=True)
    assert storage.puts == 1


def test_a_storage_that_stays_busy_is_given_up_on(storage: Storage, store: S3Store) -> None:
    """Four attempts, then the caller is told; nothing of the answer but its code is quoted."""
    storage.trouble = ["busy"] * 9
    with pytest.raises(StoreUnavailable, match=r"answers SlowDown \(HTTP 503\)") as caught:
        store.put(KEY, b"mine", only_if_absent=True)
    assert storage.puts == 4
    assert "of a stub" not in caught.value.message


def test_a_gateway_that_wants_bare_etags_gets_them(storage: Storage, store: S3Store) -> None:
    """Ceph's gateway compares If-Match without quotes: found out at the first refusal, remembered afterwards."""
    storage.bare_etags = True
    etag = store.put(KEY, b"one")
    etag = store.put(KEY, b"two", only_if_etag=etag)
    before = storage.puts
    store.put(KEY, b"three", only_if_etag=etag)
    assert storage.puts == before + 1
    with pytest.raises(Conflict):
        store.put(KEY, b"four", only_if_etag=etag)
    assert storage.objects[PATH] == b"three"


@pytest.mark.parametrize("condition", [{}, {"only_if_etag": _etag(b"one")}, {"only_if_absent": True}])
def test_a_page_for_people_is_no_answer(storage: Storage, store: S3Store, condition: dict[str, Any]) -> None:
    """A proxy's page with status 200 has no etag: the storage is out of reach, however it is asked."""
    storage.objects[PATH] = b"one"
    storage.trouble, storage.heads_cut = ["portal"] * 30, True
    with pytest.raises(StoreUnavailable):
        store.put(KEY, b"two", **condition)


def test_an_answer_that_breaks_off_is_none(storage: Storage, store: S3Store) -> None:
    """Nor does the probe guess what the storage can do from the half of one."""
    storage.trouble = ["behead"]
    with pytest.raises(StoreUnavailable):
        store.put(KEY, b"two")
    storage.trouble = ["well", "well", "well", "behead"]
    with pytest.raises(StoreUnavailable):
        store.probe_profile()


def test_a_refusal_that_can_not_be_looked_into_is_none(storage: Storage, store: S3Store) -> None:
    """Whether a gateway dislikes our spelling or somebody else has written is not known: nobody has lost anything."""
    etag = store.put(KEY, b"one")
    storage.bare_etags = storage.heads_cut = True
    with pytest.raises(StoreUnavailable):
        store.put(KEY, b"two", only_if_etag=etag)
    storage.heads_cut = False
    store.put(KEY, b"three", only_if_etag=etag)


@pytest.mark.parametrize(("keeps", "bare"), [(True, False), (True, True), (False, False)])
def test_the_probe_tells_what_the_storage_keeps(storage: Storage, store: S3Store, keeps: bool, bare: bool) -> None:
    """A storage that ignores conditions is found out, one with odd etags is not blamed, and the probe cleans up."""
    storage.keeps_conditions, storage.bare_etags = keeps, bare
    profile = store.probe_profile()
    assert (profile.conditional_create, profile.conditional_match) == (keeps, keeps)
    assert storage.objects == {}


def test_a_storage_that_needs_content_md5_gets_it(storage: Storage, store: S3Store, tmp_path: Path) -> None:
    """As S3 itself where objects are locked: found out by the probe, and sent by the store that adapts to it."""
    storage.needs_md5 = True
    with pytest.raises(StoreRefused):
        store.put(KEY, b"one")
    profile = store.probe_profile()
    assert (profile.content_md5, profile.conditional_writes) == ("needed", True)
    adapted = store.adapted(profile)
    adapted.put(KEY, b"one", only_if_absent=True)
    with pytest.raises(Conflict):
        adapted.put(KEY, b"two", only_if_absent=True)
    (tmp_path / "bundle").write_bytes(b"bundle")
    adapted.upload(KEY, tmp_path / "bundle")
    assert storage.objects == {PATH: b"bundle"}


def test_the_probe_measures_the_clock(storage: Storage, store: S3Store) -> None:
    """A storage whose clock is an hour ahead."""
    storage.date = _hour_ahead()
    assert 3590 < store.probe_profile().clock_skew_seconds < 3610


def test_conditions_are_not_sent_where_they_would_not_be_kept(storage: Storage, store: S3Store) -> None:
    """A poor vendor gets plain writes: the caller knows and warns."""
    storage.objects[PATH] = b"there"
    poor = S3Store(store.connection, "bucket", conditional_writes=False)
    assert poor.put(KEY, b"new", only_if_absent=True) == _etag(b"new")


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "InvalidAccessKeyId", "storage.access_key"),
        (403, "SignatureDoesNotMatch", "storage.secret_key"),
        (403, "AccessDenied", "rights"),
        (403, "RequestTimeTooSkewed", "timedatectl"),
        (400, "AuthorizationHeaderMalformed", "storage.region"),
        (404, "NoSuchBucket", "storage.state_bucket"),
        (501, "NotImplemented", "doctor"),
        (400, "Something\x1b[2JElse", "log"),
    ],
)
def test_each_refusal_has_its_remedy(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, status: int, code: str, hint: str
) -> None:
    """The code decides what the administrator is told; the message is printable and holds no key."""
    answer = {
        "Error": {"Code": code, "Message": "AWSAccessKeyId=key StringToSign=secret"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"date": _hour_ahead()}},
    }

    def refuse(**_arguments: object) -> None:
        raise ClientError(answer, "GetObject")

    monkeypatch.setattr(store._client, "get_object", refuse)
    with pytest.raises(ClmError) as caught:
        store.get(KEY)
    assert hint in caught.value.hint
    assert isinstance(caught.value, NoBucket) == (code == "NoSuchBucket")  # an outage; the others are a fault of ours
    assert caught.value.message.isprintable()
    assert "StringToSign" not in caught.value.message


def _hour_ahead() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
