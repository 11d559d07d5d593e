"""A listing of the archive tells which WAL is there."""

from __future__ import annotations

import pytest

from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest_listing import read_entries, wal_in

SHA1 = "a" * 40


def test_segments_are_found_in_order() -> None:
    """Whatever else lies there."""
    said = (
        '{".":{"type":"path"},"0000000100000000":{"type":"path"},'
        f'"0000000100000000/000000010000000000000003-{SHA1}.zst":{{"type":"file","size":9,"time":1}},'
        f'"0000000100000000/000000010000000000000002-{SHA1}.zst":{{"type":"file","size":9,"time":1}},'
        '"00000002.history":{"type":"file","size":9,"time":1}}'
    )
    found = wal_in(read_entries(said.encode()))
    assert [wal.segment[-2:] for wal in found] == ["02", "03"]


def test_a_path_that_does_not_exist_is_empty() -> None:
    """As 2.55.1 answers, with exit code 0."""
    assert read_entries(b'{".":{"type":"path"}}\n') == {}


@pytest.mark.parametrize("said", [b"", b"[]", b'{"a":{"type":"other"}}', b'{"a":{"type":"file","size":-1}}'])
def test_rubbish_is_refused(said: bytes) -> None:
    """A listing decides what is missing."""
    with pytest.raises(Unintelligible, match="repo-ls"):
        read_entries(said)
