"""The checksum under pgBackRest's own files is computed as pgBackRest does."""

from __future__ import annotations

from clmdeploy.backups.pgbackrest_digest import InfoDigest

INFO = (
    (b"cipher", b"cipher-pass", b'"custom"'),
    (b"db", b"db-id", b"1"),
    (b"db", b"db-system-id", b"6846378200844646865"),
    (b"db", b"db-version", b'"12"'),
    (b"db:history", b"1", b'{"db-id":6846378200844646865,"db-version":"12"}'),
)


def test_the_checksum_is_that_of_its_own_tests() -> None:
    """An archive.info of pgBackRest 2.55.1 (test/src/module/command/repoTest.c)."""
    digest = InfoDigest()
    for section, key, value in INFO:
        digest.add(section, key, value)
    assert digest.end() == "85c2460341ddc2af8bdc0e07437965e3f1f64ea2"


def test_order_and_borders_of_sections_count() -> None:
    """The same keys in another section are another file; so are names that need quoting."""
    one, other, odd = InfoDigest(), InfoDigest(), InfoDigest()
    one.add(b"a", b"x", b"1")
    other.add(b"b", b"x", b"1")
    odd.add(b"a", b'x"', b"1")
    assert len({one.end(), other.end(), odd.end()}) == 3
