"""A manifest tells which object holds which bytes, and is believed only when its checksum is right."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest_manifest import ManifestReader
from clmdeploy.model.errors import VerificationFailed

FULL, INCR = "20261123-010203F", "20261123-010203F_20261124-010203I"
A, B = "a" * 40, "b" * 40
HEADER = {
    "backup": {
        "backup-archive-start": "000000010000000000000002",
        "backup-block-incr": True,
        "backup-bundle": True,
        "backup-label": INCR,
        "backup-lsn-stop": "0/2000100",
        "backup-prior": FULL,
        "backup-reference": f"{FULL},{INCR}",
        "backup-type": "incr",
    },
    "backup:db": {"db-system-id": 18446744073709551615},
    "backup:option": {"option-compress-type": "zst"},
}
FILES = {
    "pg_data/PG_VERSION": {"bni": 1, "checksum": A, "rck": B, "repo-size": 11, "size": 3, "timestamp": 1},
    "pg_data/base/1/2": {"bi": 1, "bim": 20, "checksum": A, "rck": B, "repo-size": 99, "size": 8192, "timestamp": 1},
    "pg_data/base/1/3": {"bni": 2, "bno": 11, "checksum": A, "rck": B, "reference": FULL, "repo-size": 7, "size": 9},
    "pg_data/base/1/4": {"checksum": A, "checksum-page": False, "size": 9, "timestamp": 1},
    "pg_data/base/1/5": {"size": 0, "timestamp": 1},
    'pg_data/odd = {"a=b"}': {"checksum": A, "repo-size": 5, "size": 9, "timestamp": 1},
}


def manifest(files: dict[str, object] | None = None, header: dict[str, dict[str, object]] | None = None) -> bytes:
    """As pgBackRest writes one; its checksum is that of the same content as one JSON object (src/info/info.c)."""
    told = {"backrest": {"backrest-format": 5, "backrest-version": "2.55.1"}, **(header or HEADER)}
    told["target:file"] = FILES if files is None else files  # type: ignore[assignment]
    whole = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    checksum = hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest()
    text = "\n".join(
        f"[{section}]\n" + "".join(f"{key}={compact(value)}\n" for key, value in pairs.items())
        for section, pairs in told.items()
    )
    return f'{text}\n[backrest]\nbackrest-checksum="{checksum}"\n'.encode()


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def test_every_stored_file_is_told_where_it_lies() -> None:
    """In a bundle, as a block increment, in another backup, alone; of an empty bundled file nothing is stored."""
    reader = ManifestReader("clm", INCR)
    pieces = {piece.file: piece for piece in reader.pieces([manifest()])}
    found = {file: (piece.key, piece.offset, piece.length, piece.sha1) for file, piece in pieces.items()}
    own, prior = f"backup/clm/{INCR}", f"backup/clm/{FULL}"
    assert found == {
        "pg_data/PG_VERSION": (f"{own}/bundle/1", 0, 11, B),
        "pg_data/base/1/2": (f"{own}/pg_data/base/1/2.pgbi", 0, 99, B),
        "pg_data/base/1/3": (f"{prior}/bundle/2", 11, 7, B),
        "pg_data/base/1/4": (f"{own}/pg_data/base/1/4.zst", 0, 9, ""),
        'pg_data/odd = {"a=b"}': (f'{own}/pg_data/odd = {{"a=b"}}.zst', 0, 5, ""),
    }
    assert (pieces["pg_data/base/1/3"].owner, pieces["pg_data/base/1/2"].block_incremental) == (FULL, True)
    assert not pieces["pg_data/base/1/4"].pages_sound
    assert (reader.header.needs, reader.header.system_id, reader.header.lsn_stop) == ((FULL,), 2**64 - 1, "0/2000100")


def test_chunks_may_end_anywhere() -> None:
    """The same pieces byte by byte."""
    data = manifest()
    single = (data[at : at + 1] for at in range(len(data)))
    assert list(ManifestReader("clm", INCR).pieces(single)) == list(ManifestReader("clm", INCR).pieces([data]))


@pytest.mark.parametrize(
    "data",
    [
        manifest().replace(b'"size":8192', b'"size":8193'),
        manifest().rsplit(b"[backrest]", 1)[0],
        b"",
        manifest().replace(b'backrest-checksum="', b'backrest-checksum="0'),
    ],
)
def test_a_manifest_that_is_not_as_written_is_not_believed(data: bytes) -> None:
    """Changed, cut, empty."""
    with pytest.raises(VerificationFailed, match="checksum"):
        list(ManifestReader("clm", INCR).pieces([data]))


def test_the_manifest_of_another_backup_is_refused() -> None:
    """Whole, but put in the wrong place."""
    with pytest.raises(VerificationFailed, match="it is that of"):
        list(ManifestReader("clm", FULL).pieces([manifest()]))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"x": {"size": "9"}}, "size"),
        ({"x": {"size": -1}}, "size"),
        ({"x": {}}, "size"),
        ({"x": []}, "x"),
        ({"x": {"size": 9, "rck": "zz"}}, "rck"),
        ({"x": {"size": 9, "reference": "../.."}}, "reference"),
        ({"../../x": {"size": 9}}, "leads out"),
        ({"/x": {"size": 9}}, "leads out"),
    ],
)
def test_entries_of_wrong_types_or_places_are_refused(files: dict[str, object], words: str) -> None:
    """Even under a right checksum: whoever can write the bucket can compute it."""
    with pytest.raises(Unintelligible, match=words):
        list(ManifestReader("clm", INCR).pieces([manifest(files)]))


@pytest.mark.parametrize(
    "data",
    [
        b"key=1\n",
        b"[backup]\nrubbish\n",
        b"[backup]\n" + b"=" * 100_000 + b"\n",
        b"[backup]\nx=" + b"[" * 100_000 + b"\n",
        b"[backrest]\nbackrest-format=6\n",
        b'[target:file]\nx={"size":1}\n',
        b"x" * 2_000_000,
        manifest(header={**HEADER, "backup:option": {"option-compress-type": "new"}}),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """Quickly and by name."""
    with pytest.raises(Unintelligible, match=r"backup\.manifest"):
        list(ManifestReader("clm", INCR).pieces([data]))


def test_a_passphrase_is_never_shown() -> None:
    """Whatever is wrong with its line."""
    with pytest.raises(Unintelligible, match="cipher-pass") as refused:
        list(ManifestReader("clm", INCR).pieces([b'[cipher]\ncipher-pass="hidden\n']))
    assert "hidden" not in refused.value.message


def test_a_large_manifest_is_never_held() -> None:
    """Fifty thousand files take no more than a megabyte at a time."""
    line = b'pg_data/base/1/%d={"checksum":"' + A.encode() + b'","size":9,"timestamp":1}\n'

    def chunks() -> Iterator[bytes]:
        yield manifest().split(b"[target:file]")[0] + b"[target:file]\n"
        yield from (line % number for number in range(50_000))

    def count_all() -> None:
        for _ in ManifestReader("clm", INCR).pieces(chunks()):
            counted[0] += 1

    counted = [0]
    tracemalloc.start()
    with pytest.raises(VerificationFailed):
        count_all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (counted[0], peak < 1_000_000) == (50_000, True)
