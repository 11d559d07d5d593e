"""A dump is whole when pg_dump says so by its exit code, and by nothing else."""

from __future__ import annotations

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Outcome
from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgdump import Pgdump, finished_member
from clmdeploy.backups.pgdump_listing import is_member, read_listing
from clmdeploy.backups.pgdump_order import DumpBackup, DumpRestore
from clmdeploy.model.errors import InvalidInput

ENGINE = Pgdump("clm", password_file="/pgpass")
LISTING = b""";
; Archive created at 2026-11-23 16:00:00 UTC
;     dbname: clm
;     Compression: zstd
;     Format: DIRECTORY
;     Dumped from database version: 17.2 (Debian 17.2-1)
;
; Selected TOC Entries:
;
215; 1259 16390 TABLE public subscribers clm
3412; 0 16390 TABLE DATA public subscribers clm
3413; 0 16399 TABLE DATA public subscribers old clm
3414; 0 0 SEQUENCE SET public subscribers_id_seq clm
"""


def test_a_dump_is_parallel_compressed_and_tells_its_members() -> None:
    """The password comes from a file that libpq reads itself."""
    command = ENGINE.backup(DumpBackup("/spool/d", "00000003-0000001B-1"))
    wanted = {
        "--format=directory",
        "--jobs=2",
        "--compress=zstd:3",
        "--verbose",
        "--no-password",
        "--dbname=clm",
        "--file=/spool/d",
    }
    assert wanted < {*command.argv}
    assert "--snapshot=00000003-0000001B-1" in command.argv
    assert (command.environment["PGPASSFILE"], command.environment["LC_ALL"]) == ("/pgpass", "C")


@pytest.mark.parametrize("database", ["", "host=evil", "postgresql://x/y", "a\nb"])
def test_a_database_is_a_name_and_no_connection(database: str) -> None:
    """libpq reads either."""
    with pytest.raises(InvalidInput):
        Pgdump(database)


@pytest.mark.parametrize("order", [DumpBackup("d"), DumpBackup("/a/../b"), DumpBackup("/d", "x'; drop")])
def test_strange_orders_are_refused(order: DumpBackup) -> None:
    """Before anything runs."""
    with pytest.raises(InvalidInput):
        ENGINE.backup(order)


@pytest.mark.parametrize(
    ("line", "member"),
    [
        (b"pg_dump: finished item 3412 TABLE DATA public subscribers\n", "3412.dat.zst"),
        (b"pg_dump: finished item 3414 SEQUENCE SET x", None),
        (b"pg_dump: processing item 3412 TABLE DATA x", None),
        (b"\xff", None),
    ],
)
def test_finished_members_are_known_by_their_line(line: bytes, member: str | None) -> None:
    """From then on one may be stored and removed."""
    assert finished_member(line) == member


@pytest.mark.parametrize(
    ("completed", "outcome"),
    [
        (Completed(0), Outcome.DONE),
        (Completed(1, stderr=b"pg_dump: error: connection failed"), Outcome.FAILED),
        (Completed(1, stderr=b"pg_restore: warning: errors ignored on restore: 3\n"), Outcome.PARTIAL),
        (Completed(-9), Outcome.INTERRUPTED),
    ],
)
def test_endings_are_told_apart(completed: Completed, outcome: Outcome) -> None:
    """Errors that were passed over are errors."""
    assert ENGINE.ending(completed).outcome is outcome
    assert (ENGINE.findings(completed) == ()) == (completed.code == 0)


def test_a_restore_ends_at_the_first_error() -> None:
    """Or takes one table as SQL, touching no server."""
    whole = ENGINE.restore(DumpRestore("/d", "clm")).argv
    assert {"--exit-on-error", "--jobs=2", "--dbname=clm"} < {*whole}
    one = ENGINE.restore(DumpRestore("/d", table=("public", "subscribers"), side_file="/side.sql")).argv
    assert {"--schema=public", "--table=subscribers", "--file=/side.sql"} < {*one}
    assert not any(part.startswith(("--dbname", "--host")) for part in one)
    with pytest.raises(InvalidInput):
        ENGINE.restore(DumpRestore("/d"))


def test_a_listing_finds_the_member_of_a_table() -> None:
    """Unless blanks in names leave two answers: then it says so."""
    listing = read_listing(LISTING.replace(b"subscribers old", b"archive"))
    assert listing.data_of("public", "subscribers").member == "3412.dat.zst"
    assert listing.header["Compression"] == "zstd"
    assert sum(item.has_data for item in listing.items) == 2
    with pytest.raises(LookupError, match="2 tables"):
        read_listing(LISTING).data_of("public", "subscribers")
    with pytest.raises(LookupError, match="0 tables"):
        listing.data_of("public", "none")


@pytest.mark.parametrize("said", [b"", b"\xff\xfe", b"rubbish\n", b"1; 2 3 TABLE x y z\n"])
def test_what_is_no_listing_is_refused(said: bytes) -> None:
    """An empty one too."""
    with pytest.raises(Unintelligible, match="pg_restore --list"):
        read_listing(said)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("toc.dat", True),
        ("3412.dat.zst", True),
        ("blobs_12.toc", True),
        ("blob_16.dat", True),
        ("x", False),
        ("../toc.dat", False),
    ],
)
def test_members_have_names_of_their_own(name: str, known: bool) -> None:
    """Whatever else lies in the directory is not the dump's."""
    assert is_member(name) == known


def test_a_version_is_read() -> None:
    """The package's own number does not count."""
    assert ENGINE.read_version(b"pg_dump (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)\n") == (17, 12)


def test_every_read_only_question_is_built() -> None:
    """Preflight, roles, contents, databases."""
    assert "--schema-only" in ENGINE.preflight()[1].argv
    assert "--globals-only" in ENGINE.globals("/d/roles.sql").argv
    assert "--list" in ENGINE.contents("/d").argv
    assert ENGINE.read_listing(b"clm\npostgres\n") == ("clm", "postgres")
    with pytest.raises(InvalidInput):
        ENGINE.verify()
