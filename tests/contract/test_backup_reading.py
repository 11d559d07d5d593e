"""What the backup host reads of a real S3 server with the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.s3_client import make_client
from clmdeploy.hostside.acts import objects, reading, s3, segments
from clmdeploy.hostside.acts.call import ActError, Call

from .conftest import ACCESS_KEY, SECRET_KEY, S3Server


@pytest.fixture
def prefix() -> str:
    return f"backups/{secrets.token_hex(6)}/"


@pytest.fixture
def arguments(s3_server: S3Server, tmp_path: Path) -> dict[str, Any]:
    """As the control node sends them; the keys lie in files of this host."""
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    for name, value in keys.items():
        (tmp_path / name).write_text(value + "\n")
    place = {
        "endpoint": s3_server.connection.endpoint, "bucket": s3_server.bucket, "region": "us-east-1",
        "path_style": True, "authority": s3_server.connection.ca_file.read_text(),
    }  # fmt: skip
    return {"storage": place, "keys": {name: str(tmp_path / name) for name in keys}, "user": ""}


def put(s3_server: S3Server, **bodies: bytes) -> None:
    client = make_client(s3_server.connection, 1)
    for key, body in bodies.items():
        client.put_object(Bucket=s3_server.bucket, Key=key, Body=body)


def ask(act: Any, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = act.ask(Call("", "ask", {**arguments, **more}, {}, {}))
    return found


def read(
    arguments: dict[str, Any], *wanted: dict[str, Any], witnesses: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    answer = ask(
        reading, arguments, objects=list(wanted), witnesses=list(witnesses), **{"limit": 30, "workers": 2, **more}
    )
    return {**answer, "read": {one["key"]: one for one in answer["read"]}}


def test_listing_tells_every_object_once(
    s3_server: S3Server, arguments: dict[str, Any], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, with size and etag, also odd names; a reply that is full is gone on with from there."""
    bodies = {
        f"{prefix}{name}": name.encode() for name in ("a b+c", "é", "d/e", *(f"n{number}" for number in range(9)))
    }
    put(s3_server, **bodies)
    page = s3.Reader.page
    monkeypatch.setattr(s3.Reader, "page", lambda self, *some, **more: page(self, *some, **more))
    monkeypatch.setattr(objects, "MOST", 1)
    found, more = [], ""
    while True:
        answer = ask(objects, arguments, prefix=prefix, more=more)
        found += answer["objects"]
        more = answer["more"]
        if not more:
            break
    assert {key: size for key, size, *_ in found} == {key: len(body) for key, body in bodies.items()}
    assert {key: etag for key, _, etag, _ in found} == {
        key: hashlib.md5(body).hexdigest()  # noqa: S324
        for key, body in bodies.items()
    }


def test_every_byte_is_read(s3_server: S3Server, arguments: dict[str, Any], prefix: str) -> None:
    """Objects of some MiB and empty ones; what came is told by SHA-256, digests of parts are compared."""
    large = secrets.token_bytes(3 * 1024**2 + 17)
    put(s3_server, **{f"{prefix}large": large, f"{prefix}none": b""})
    part = reading.PIECE.pack(1024**2 - 5, 100, hashlib.sha1(large[1024**2 - 5 :][:100]).digest())  # noqa: S324
    bad = reading.PIECE.pack(5, 100, b"x" * 20)
    wanted = [
        {"key": f"{prefix}large", "size": len(large), "pieces": base64.b64encode(part).decode()},
        {"key": f"{prefix}none", "size": 0},
    ]
    found = read(arguments, *wanted)["read"]
    assert found[f"{prefix}large"] == {
        "key": f"{prefix}large", "bytes": len(large), "sha256": hashlib.sha256(large).hexdigest(), "fault": "",
    }  # fmt: skip
    assert found[f"{prefix}none"]["sha256"] == hashlib.sha256(b"").hexdigest()
    wanted[0]["pieces"] = base64.b64encode(part + bad).decode()
    assert read(arguments, *wanted)["read"][f"{prefix}large"]["fault"] == "piece: 5 100 1"


def test_a_missing_object_is_its_own_fault_only_where_others_are_there(
    s3_server: S3Server, arguments: dict[str, Any], prefix: str
) -> None:
    """With a witness it is gone; without one the storage itself may be the trouble, and nothing is said of it."""
    put(s3_server, **{f"{prefix}there": b"x"})
    gone = {"key": f"{prefix}gone", "size": 5}
    answer = read(arguments, gone, witnesses=(f"{prefix}there",))
    assert (answer["read"][f"{prefix}gone"]["fault"], answer["trouble"]) == ("gone", "")
    answer = read(arguments, gone, witnesses=(f"{prefix}gone", f"{prefix}too"))
    assert answer["read"] == {}
    assert "does not serve" in answer["trouble"]


def test_time_that_is_up_ends_a_batch(s3_server: S3Server, arguments: dict[str, Any], prefix: str) -> None:
    """At least one object is read, so that each batch gets further; the rest is asked again."""
    bodies = {f"{prefix}{number}": b"x" for number in range(20)}
    put(s3_server, **bodies)
    answer = read(arguments, *({"key": key, "size": 1} for key in bodies), limit=0, workers=1)
    assert len(answer["read"]) == 1


_FETCHER = """
import signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if sys.argv[1].isdigit():
    sys.exit(int(sys.argv[1]))
sys.stdout.buffer.write(b"log" * 100000)
"""


def test_plain_content_is_told_beside(
    s3_server: S3Server, arguments: dict[str, Any], prefix: str, tmp_path: Path
) -> None:
    """What can't be unpacked is the object's fault; when a program ends otherwise, nothing is said of the object."""
    content = b"log" * 100_000
    fetcher, unpacker = tmp_path / "fetch", tmp_path / "unpack"
    fetcher.write_text(_FETCHER)
    unpacker.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n")
    unpacker.chmod(0o755)
    put(s3_server, **{f"{prefix}a": b"sealed"})
    fetch = {"argv": [sys.executable, str(fetcher)], "timeout": 20}

    def answer(file: str, packed: str) -> dict[str, Any]:
        return read(
            arguments, {"key": f"{prefix}a", "size": 6, "file": file, "packed": packed}, fetch=fetch, witnesses=[]
        )

    for packed in ("", str(unpacker)):
        found = answer("some", packed)["read"][f"{prefix}a"]
        assert (found["plain_bytes"], found["plain_sha1"]) == (len(content), hashlib.sha1(content).hexdigest())  # noqa: S324
        assert answer("95", packed)["read"][f"{prefix}a"]["fault"].startswith("unpacked")
        assert "ended with 101" in answer("101", packed)["trouble"]
    assert answer("some", "false")["read"][f"{prefix}a"]["fault"].startswith("unpacked")


def test_the_segments_is_found_on_each_timeline(s3_server: S3Server, arguments: dict[str, Any], prefix: str) -> None:
    """In the newest archive; histories and half segments are none."""
    archive = f"{prefix}archive/clm/"
    named = ("000000010000000000000002", "0000000100000001000000FE", "000000020000000100000003")
    names = [
        f"17-1/0000000900000009/00000009000000090000000A-{'a' * 40}.zst",
        *(f"17-2/{name[:16]}/{name}-{'a' * 40}.zst" for name in named),
        f"17-2/0000000200000001/000000020000000100000009.partial-{'a' * 40}.zst",
        "17-2/00000002.history", "archive.info",
    ]  # fmt: skip
    put(s3_server, **{archive + name: b"x" for name in names})
    newest = ask(segments, arguments, prefix=archive)["newest"]
    assert {timeline: name for timeline, (name, _) in newest.items()} == {
        "00000001": "0000000100000001000000FE", "00000002": "000000020000000100000003",
    }  # fmt: skip
    assert ask(segments, arguments, prefix=f"{prefix}none/")["newest"] == {}


def test_keys_that_are_refused_are_told_without_them(arguments: dict[str, Any], prefix: str) -> None:
    """By the storage's own word; a file that lacks by its name."""
    Path(arguments["keys"]["secret_key"]).write_text("another")
    with pytest.raises(ActError, match="SignatureDoesNotMatch") as caught:
        ask(objects, arguments, prefix=prefix, more="")
    assert "another" not in str(caught.value)
    Path(arguments["keys"]["secret_key"]).unlink()
    with pytest.raises(ActError, match=r"secret_key.*backup setup"):
        ask(objects, arguments, prefix=prefix, more="")
