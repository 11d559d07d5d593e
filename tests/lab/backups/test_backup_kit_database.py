"""The kit's digest of a database can fail: each single harm is found, and what is no harm is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clmdeploy.lab import Lab
from tests.lab.backups.kit.database import Database, Digest, database_differences
from tests.lab.backups.kit.tree import TINY_TREE, digest_tree, make_tree, on, storm, tree_differences
from tests.lab.backups.kit.wreckers import drop_tables, remove_tree

SMALL = 2_000_000


@pytest.fixture(scope="module")
def database(lab: Lab) -> Iterator[Database]:
    """A database of its own, filled, that goes again."""
    with_rights = Database(lab.host("db1"), "postgres")
    with_rights.query("CREATE DATABASE kit")
    filled = Database(lab.host("db1"), "kit")
    filled.fill(SMALL)
    yield filled
    with_rights.query("DROP DATABASE kit WITH (FORCE)")


@pytest.fixture(scope="module")
def before(database: Database) -> Digest:
    return database.digest()


def found(database: Database, before: Digest) -> list[str]:
    return database_differences(before, database.digest())


def test_everything_is_in_the_digest(before: Digest) -> None:
    """Tables, partitions, long values, views that are stored, sequences, large objects; nothing that no backup has."""
    assert {entry["kind"] for entry in before.values()} == {"table", "sequence", "large object", "schema"}
    assert {
        "table kit.subscribers", "table kit.events_2026", "table kit.documents", "table kit.counts",
        "table kit.nothing", 'table kit."Имя с пробелом и ""кавычкой"""', "sequence kit.tickets",
        "sequence kit.subscribers_id_seq",
    } <= before.keys()  # fmt: skip
    assert "table kit.scratch" not in before
    assert before["table kit.subscribers"]["rows"] > 2000
    assert sum(name.startswith("large object") for name in before) == 12


def test_what_changes_no_data_is_no_difference(database: Database, before: Digest) -> None:
    """Rows in another order, other pages, unlogged rows, a sequence that was logged ahead."""
    database.query("VACUUM FULL kit.subscribers; TRUNCATE kit.scratch; REINDEX SCHEMA kit")
    database.query("CLUSTER kit.subscribers USING subscribers_number_idx")
    database.query("ALTER TABLE kit.subscribers SET WITHOUT CLUSTER")
    database.query("SELECT setval('kit.tickets', 1060 + 320)")
    assert found(database, before) == []
    database.query("SELECT setval('kit.tickets', 1060)")


HARMS = {
    "a row": (
        "CREATE TABLE public.kept AS SELECT * FROM kit.documents WHERE id = 7; DELETE FROM kit.documents WHERE id = 7",
        "INSERT INTO kit.documents SELECT * FROM public.kept; DROP TABLE public.kept",
        "table kit.documents: had 20 rows, has 19",
    ),
    "a value": (
        "UPDATE kit.segments SET ratio = 0 WHERE id = 100",
        "UPDATE kit.segments SET ratio = 'NaN' WHERE id = 100",
        "table kit.segments: its content is another",
    ),
    "a bit of a payload": (
        "UPDATE kit.subscribers SET payload = set_bit(payload, 900, 1 - get_bit(payload, 900)) WHERE id = 1234",
        "UPDATE kit.subscribers SET payload = set_bit(payload, 900, 1 - get_bit(payload, 900)) WHERE id = 1234",
        "table kit.subscribers: its content is another",
    ),
    "an empty text": (
        "UPDATE kit.\"Имя с пробелом и \"\"кавычкой\"\"\" SET \"a b\" = NULL WHERE \"a b\" = ''",
        "UPDATE kit.\"Имя с пробелом и \"\"кавычкой\"\"\" SET \"a b\" = '' WHERE \"a b\" IS NULL AND \"x\" = 0",
        "кавычкой\"\"\": its content is another",
    ),
    "a row of a partition": (
        "INSERT INTO kit.events VALUES ('2026-06-01', -1, 'new')", "DELETE FROM kit.events WHERE subscriber = -1",
        "table kit.events_2026: had",
    ),
    "a sequence that went back": (
        "SELECT setval('kit.tickets', 1050)", "SELECT setval('kit.tickets', 1060)",
        "sequence kit.tickets: stood at 1060, stands at 1050",
    ),
    "a byte of a large object": (
        "SELECT lo_put(picture, 5, '\\x00') FROM kit.pictures WHERE id = 3",
        "SELECT lo_put(picture, 5, decode(substr(md5('1#3'), 11, 2), 'hex')) FROM kit.pictures WHERE id = 3",
        "large object",
    ),
    "an index": (
        "DROP INDEX kit.subscribers_number_idx", "CREATE INDEX ON kit.subscribers (number)", "schema: ",
    ),
    "a trigger": (
        "ALTER TABLE kit.segments DISABLE TRIGGER noted", "ALTER TABLE kit.segments ENABLE TRIGGER noted", "schema: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_a_single_harm_is_the_only_difference(database: Database, before: Digest, harm: str) -> None:
    """It is told in words that name what it befell; mended, there is none."""
    act, mend, words = HARMS[harm]
    database.query(act)
    differences = [one for one in found(database, before) if "public.kept" not in one]
    database.query(mend)
    told = [one for one in differences if words in one]
    assert len(told) == 1, differences
    assert [one for one in differences if not one.startswith("schema")] in ([], told)
    assert found(database, before) == []


def test_between_two_transactions_lies_a_moment(database: Database) -> None:
    """Its digest has the first and not the second, and its time lies between their commits."""
    moment = database.moment()
    after = database_differences(moment.digest, database.digest())
    assert after == ["table kit.moments: had 1 rows, has 2"]
    assert moment.at.endswith("Z")
    assert database.query(f"SELECT timestamptz '{moment.at}' < now()").strip() == "t"
    database.query("TRUNCATE kit.moments")


@pytest.mark.parametrize("scattered", [False, True])
def test_a_share_of_the_rows_changes(database: Database, before: Digest, scattered: bool) -> None:
    """One per cent in a row, or all over; nothing else."""
    rows = before["table kit.subscribers"]["rows"]
    assert 0 < database.change(0.01, scattered=scattered) <= rows // 100
    assert found(database, before) == ["table kit.subscribers: its content is another"]


def test_dropped_tables_are_all_named(database: Database, before: Digest) -> None:
    """Large objects as well, which no DROP takes along."""
    drop_tables(database)
    gone = [one for one in found(database, before) if one.endswith("is gone")]
    assert len(gone) == len(before) - 1
    database.fill(SMALL)


def test_the_same_seed_fills_the_same(database: Database, before: Digest) -> None:
    """Numbers of large objects are the server's own choice; all else is equal."""
    numbered = ("large object", "table kit.pictures")
    differences = [one for one in found(database, before) if not one.startswith(numbered)]
    assert differences == []


def test_trees_work_on_hosts_as_they_do_here(lab: Lab) -> None:
    """On the disks of the lab: odd names, lists of access and times hold there too."""
    host, place = on(lab.host("worker1")), "/var/tmp/kit"
    make_tree(host, place, TINY_TREE)
    before = digest_tree(host, place)
    lab.host("worker1").run(["cp", "--archive", place, f"{place}-copy"])
    assert tree_differences(before, digest_tree(host, f"{place}-copy")) == []
    storm(host, place)
    assert len(tree_differences(before, digest_tree(host, place))) > 10
    for directory in (place, f"{place}-copy"):
        remove_tree(lab.host("worker1"), directory)
