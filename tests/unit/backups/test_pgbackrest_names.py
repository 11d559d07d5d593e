"""Names of a repository are what they must be before anything is made of them."""

from __future__ import annotations

import pytest

from clmdeploy.backups import pgbackrest_names as names

SHA1 = "a" * 40
SEGMENT = "00000002000000000000000F"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"{SEGMENT}-{SHA1}.zst", names.StoredWal(SEGMENT, SHA1, ".zst")),
        (f"{SEGMENT}-{SHA1}", names.StoredWal(SEGMENT, SHA1)),
        (f"{SEGMENT}.partial-{SHA1}.gz", names.StoredWal(SEGMENT, SHA1, ".gz", partial=True)),
        (f"{SEGMENT}", None),
        (f"{SEGMENT.lower()}-{SHA1}", None),
        (f"{SEGMENT}-{SHA1}.exe", None),
        (f"{SEGMENT}-{SHA1}.zst\n", None),
        ("00000002.history", None),
        (f"{SEGMENT}.00000028.backup", None),
        ("archive.info", None),
    ],
)
def test_wal_is_known_by_the_name_of_its_object(name: str, found: names.StoredWal | None) -> None:
    """Segment, digest of the content and compression stand in it."""
    assert names.stored_wal(name) == found


def test_a_stored_segment_knows_its_key_and_timeline() -> None:
    """Both ways are the same name."""
    wal = names.StoredWal(SEGMENT, SHA1, ".zst")
    assert wal.key("clm", "17-1") == f"archive/clm/17-1/{SEGMENT[:16]}/{SEGMENT}-{SHA1}.zst"
    assert wal.timeline == 2
    assert names.stored_wal(wal.key("clm", "17-1").rsplit("/", 1)[1]) == wal


@pytest.mark.parametrize(("name", "timeline"), [("0000000A.history", 10), ("0000000a.history", None), ("x", None)])
def test_history_files_name_a_timeline(name: str, timeline: int | None) -> None:
    """The one that begins there."""
    assert names.history_timeline(name) == timeline


@pytest.mark.parametrize(("text", "bytes_"), [("0/0", 0), ("1/0", 2**32), ("FF/FFFFFFFF", 2**40 - 1)])
def test_positions_are_counts_of_bytes(text: str, bytes_: int) -> None:
    """So they can be compared."""
    assert names.position(text) == bytes_


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (names.label, "20261123-010203"),
        (names.label, "20261123-010203F_20261123-010203X"),
        (names.label, "20261123-010203F\n"),
        (names.segment, "00000002000000000000000f"),
        (names.lsn, "0/g"),
        (names.lsn, "0/123456789"),
        (names.archive, "17-1/.."),
        (names.stanza, "../clm"),
        (names.stanza, "Clm"),
        (names.stanza, ""),
    ],
)
def test_other_names_are_refused(check: object, text: str) -> None:
    """Whatever would lead elsewhere, or be two names for one thing."""
    assert callable(check)
    with pytest.raises(ValueError, match="is not the name of"):
        check(text)
