"""What every ObjectStore promises: memory, a directory and real S3 servers pass the same tests.

A poor vendor passes all but those on conditions of writes; these it must not seem to pass.
"""

from __future__ import annotations

import secrets
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from clmdeploy.adapters.directory import DirectoryStore
from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.adapters.s3 import S3Store
from clmdeploy.changes.ports import Missing, ObjectStore, Oversized
from clmdeploy.model.errors import Conflict, InvalidInput

KEEPING = ["memory", "directory", "s3", "s3 adapted"]
"""stores that keep conditions; adapted: as work uses them once their storage was probed"""


@pytest.fixture(params=KEEPING)
def keeping(request: pytest.FixtureRequest) -> ObjectStore:
    """A store that keeps conditions."""
    return made(request.param, request)


@pytest.fixture(params=[*KEEPING, "poor vendor"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Any store."""
    return made(request.param, request)


def made(kind: str, request: pytest.FixtureRequest) -> ObjectStore:
    if kind == "memory":
        return MemoryStore()
    if kind == "directory":
        return DirectoryStore(request.getfixturevalue("tmp_path_factory").mktemp("bucket") / "made" / "later")
    if kind == "poor vendor":
        return request.getfixturevalue("poor_store")
    plain = request.getfixturevalue("s3_server").store()
    return plain if kind == "s3" else plain.adapted(plain.probe_profile())


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"staging/{secrets.token_hex(8)}/lease"


def test_reads_back_what_was_written(store: ObjectStore, key: str) -> None:
    """An object is read back byte by byte, with the etag that its write returned."""
    body = bytes(range(256)) * 100
    etag = store.put(key, body)
    stored = store.get(key)
    assert (stored.body, stored.etag) == (body, etag)


def test_an_empty_object_is_an_object(store: ObjectStore, key: str) -> None:
    """Zero bytes are stored, not treated as absent."""
    store.put(key, b"")
    assert store.get(key).body == b""


def test_absent_objects_are_missing(store: ObjectStore, key: str, tmp_path: Path) -> None:
    """Reading what isn't there raises Missing, names the key, and leaves no file behind."""
    with pytest.raises(Missing, match=key):
        store.get(key)
    with pytest.raises(Missing, match=key):
        store.download(key, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_overwriting_changes_the_etag(store: ObjectStore, key: str) -> None:
    """An etag names one content."""
    assert store.put(key, b"first") != store.put(key, b"second")
    assert store.get(key).body == b"second"


def test_creates_only_what_is_absent(keeping: ObjectStore, key: str) -> None:
    """The second conditional create loses, and what is there stays."""
    keeping.put(key, b"first", only_if_absent=True)
    with pytest.raises(Conflict):
        keeping.put(key, b"second", only_if_absent=True)
    assert keeping.get(key).body == b"first"


def test_creating_the_same_bytes_again_is_a_conflict(keeping: ObjectStore, key: str) -> None:
    """Only a lost answer excuses an existing object; two who write alike are still two."""
    keeping.put(key, b"same", only_if_absent=True)
    with pytest.raises(Conflict):
        keeping.put(key, b"same", only_if_absent=True)


def test_replaces_only_what_was_read(keeping: ObjectStore, key: str) -> None:
    """A write on the condition of an old etag loses; on the condition of the present one it wins."""
    old = keeping.put(key, b"first")
    present = keeping.put(key, b"second", only_if_etag=old)
    with pytest.raises(Conflict):
        keeping.put(key, b"third", only_if_etag=old)
    assert keeping.put(key, b"fourth", only_if_etag=present) == keeping.get(key).etag
    assert keeping.get(key).body == b"fourth"


def test_replacing_what_is_not_there_is_a_conflict(keeping: ObjectStore, key: str) -> None:
    """An object that vanished can't be replaced."""
    with pytest.raises(Conflict):
        keeping.put(key, b"x", only_if_etag='"0123456789abcdef0123456789abcdef"')
    with pytest.raises(Missing):
        keeping.get(key)


@pytest.mark.parametrize("round_", range(5))
def test_one_of_many_creators_wins(keeping: ObjectStore, key: str, round_: int) -> None:
    """Eight writers at once: one creates, seven get a Conflict, and the winner's bytes are there."""

    def create(number: int) -> int | None:
        try:
            keeping.put(key, b"%d" % number, only_if_absent=True)
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(create, range(8)) if number is not None]
    assert len(winners) == 1, round_
    assert keeping.get(key).body == b"%d" % winners[0]


def test_no_replacement_is_lost(keeping: ObjectStore, key: str) -> None:
    """Four writers that count by read and conditional write lose no step."""
    keeping.put(key, b"0")

    def count(_writer: int) -> None:
        done = 0
        while done < 5:
            stored = keeping.get(key)
            try:
                keeping.put(key, b"%d" % (int(stored.body) + 1), only_if_etag=stored.etag)
            except Conflict:
                continue
            done += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert keeping.get(key).body == b"20"


def test_a_poor_vendor_makes_no_promise(poor_store: S3Store, key: str) -> None:
    """It is known to keep no conditions; so none is sent, and whoever needs one is told before."""
    assert not poor_store.conditional_writes
    poor_store.put(key, b"first", only_if_absent=True)
    poor_store.put(key, b"second", only_if_absent=True)
    assert poor_store.get(key).body == b"second"


def test_reads_are_bounded(store: ObjectStore, key: str) -> None:
    """An object larger than the limit is refused, one of exactly the limit is read."""
    store.put(key, b"x" * 1000)
    assert len(store.get(key, limit=1000).body) == 1000
    with pytest.raises(Oversized, match="999"):
        store.get(key, limit=999)


def test_keys_are_sorted_and_of_the_prefix_only(store: ObjectStore) -> None:
    """Listing gives the keys below a prefix in rising order of code points, also those of UTF-8 names."""
    prefix = f"list-{secrets.token_hex(8)}"
    names = ["b/2", "b/10", "a/1", "B/1", "b-1", "ключ/1", "b/1.0.0-rc.1", "b/1.0.0"]
    for name in names:
        store.put(f"{prefix}/{name}", b"x")
    assert list(store.keys(f"{prefix}/")) == sorted(f"{prefix}/{name}" for name in names)
    assert list(store.keys(f"{prefix}/b/1")) == [f"{prefix}/b/1.0.0", f"{prefix}/b/1.0.0-rc.1", f"{prefix}/b/10"]
    assert list(store.keys(f"{prefix}/nothing")) == []


@pytest.mark.parametrize("size", [0, 1, 5_000_000, 40_000_000])
def test_files_go_up_and_come_down_unchanged(store: ObjectStore, key: str, tmp_path: Path, size: int) -> None:
    """A file, in one part or several, comes back byte by byte."""
    path, back = tmp_path / "up", tmp_path / "down"
    path.write_bytes(secrets.token_bytes(size))
    store.upload(key, path)
    store.download(key, back)
    assert back.read_bytes() == path.read_bytes()
    assert sorted(tmp_path.iterdir()) == [back, path]


def test_a_missing_file_is_not_uploaded(store: ObjectStore, key: str, tmp_path: Path) -> None:
    """Uploading a file that does not exist is refused with its path, and stores nothing."""
    with pytest.raises(InvalidInput, match="nothing-here"):
        store.upload(key, tmp_path / "nothing-here")
    with pytest.raises(Missing):
        store.get(key)


def test_presigned_addresses_are_secret(store: ObjectStore, key: str) -> None:
    """An address that reads an object shows itself in no message."""
    store.put(key, b"bundle")
    address = store.presign(key, 60)
    assert key in address.reveal()
    assert key not in f"{address} {address!r}"


def test_a_presigned_address_reads_one_object(s3_server: Any, key: str) -> None:
    """Without keys the address gives the object; without its signature or for another object it doesn't."""
    store = s3_server.store()
    store.put(key, b"bundle")
    store.put(key + "2", b"other")
    address = store.presign(key, 60).reveal()
    assert _answer(address, store) == (200, b"bundle")
    other_signature = address[:-1] + ("0" if address[-1] != "0" else "1")
    for changed in (address.partition("?")[0], address.replace(key, key + "2"), other_signature):
        assert _answer(changed, store)[0] == 403


def test_a_presigned_address_expires(s3_server: Any, key: str) -> None:
    """After its seconds the address reads nothing any more."""
    store = s3_server.store()
    store.put(key, b"bundle")
    address = store.presign(key, 1).reveal()
    time.sleep(2.5)
    assert _answer(address, store)[0] == 403


def _answer(address: str, store: S3Store) -> tuple[int, bytes]:
    parts = urlsplit(address)
    trusted = ssl.create_default_context(cafile=store.connection.ca_file)
    connection = HTTPSConnection(parts.hostname or "", parts.port, context=trusted, timeout=10)
    with closing(connection):
        connection.request("GET", address.partition(parts.netloc)[2])
        answer = connection.getresponse()
        return answer.status, answer.read()
