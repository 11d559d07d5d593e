"""Following pg_dump's members while they grow: what may be stored now, and what the disk gets back."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import spool
from clmdeploy.hostside.acts.spool import Ready, Spool

PART = 65536
NOBODY = 2**22  # no process group has this number


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setattr(spool, "PLACE", str(tmp_path))
    return Spool(getpass.getuser())


def test_a_closed_member_is_stored_to_its_end(place: Spool) -> None:
    """Full parts and the rest, whose end is said; then the file is gone, and is not asked for again."""
    Path(place.path, "7.dat.zst").write_bytes(b"a" * (2 * PART + 5))
    found = place.ready(NOBODY, ended=True, part=PART)
    assert [(one.offset, one.size, one.last) for one in found] == [
        (0, PART, False), (PART, PART, False), (2 * PART, 5, True),
    ]  # fmt: skip
    assert b"".join(map(place.read, found)) == b"a" * (2 * PART + 5)
    for one in found:
        place.stored(one)
    assert os.listdir(place.path) == []
    assert place.ready(NOBODY, ended=True, part=PART) == []


def test_of_a_member_that_somebody_writes_only_full_parts_are_taken(place: Spool) -> None:
    """And they are cut out of the file, which so needs no more than a part of disk, however long it grows."""
    path = Path(place.path, "7.dat.zst")
    path.write_bytes(b"a" * (8 * PART + 5))
    holding = "import sys; file = open(sys.argv[1], 'ab'); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        found = place.ready(process.pid, ended=False, part=PART)
        assert [one.last for one in found] == [False] * 8
        for one in found:
            place.stored(one)
        assert place.used() <= 2 * PART
        process.stdin.close()
    assert place.ready(process.pid, ended=False, part=PART) == [Ready("7.dat.zst", 8 * PART, 5, last=True)]


def test_the_table_of_contents_waits_for_the_end(place: Spool) -> None:
    """It is there before any data: alone it would look like a dump."""
    Path(place.path, "toc.dat").write_bytes(b"toc")
    assert place.ready(NOBODY, ended=False) == []
    assert [one.name for one in place.ready(NOBODY, ended=True)] == ["toc.dat"]


def test_links_are_not_followed(place: Spool, tmp_path: Path) -> None:
    """Root reads what the database's account put there: never another file."""
    (tmp_path / "secret").write_text("secret")
    Path(place.path, "8.dat.zst").symlink_to(tmp_path / "secret")
    (found,) = place.ready(NOBODY, ended=True)
    with pytest.raises(OSError, match="symbolic links"):
        place.read(found)
