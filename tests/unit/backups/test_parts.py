"""What an object is, by its key alone."""

from __future__ import annotations

import pytest

from clmdeploy.backups.parts import StorageMap, digest_in_name, is_rewritten, segment_of

LABEL, SEGMENT, PACK = "20261123-010203F", "00000001000000000000000B", "ab" * 32
MAP = StorageMap("clm", "prod/pgbackrest", "prod/restic")


@pytest.mark.parametrize(
    ("key", "part"),
    [
        (f"prod/pgbackrest/backup/clm/{LABEL}/bundle/1", f"backup/clm/{LABEL}"),
        (
            f"prod/pgbackrest/backup/clm/{LABEL}_20261124-010203I/backup.manifest",
            f"backup/clm/{LABEL}_20261124-010203I",
        ),
        ("prod/pgbackrest/backup/clm/backup.info.copy", "info/clm"),
        ("prod/pgbackrest/archive/clm/archive.info", "info/clm"),
        ("prod/pgbackrest/archive/clm/17-1/00000002.history", "info/clm"),
        (f"prod/pgbackrest/backup/clm/backup.history/2026/{LABEL}.manifest.gz", "info/clm"),
        (f"prod/pgbackrest/archive/clm/17-1/{SEGMENT[:16]}/{SEGMENT}-{'a' * 40}.zst", f"log/clm/17-1/{SEGMENT[:16]}"),
        (f"prod/restic/db1/data/ab/{PACK}", "packs/db1/a"),
        (f"prod/restic/db1/index/{PACK}", "files/db1"),
        ("prod/restic/db1/config", "files/db1"),
        ("prod/restic/db1/pgdump/20261123-010203000-b7fc01/manifest.json", "dump/db1/20261123-010203000-b7fc01"),
        (f"prod/restic/db1/locks/{PACK}", None),
        ("prod/restic/db1/data/ab/tmp", None),
        (f"prod/pgbackrest/backup/another/{LABEL}/bundle/1", None),
        ("pgbackrest/backup/clm/backup.info", None),
        ("prod/other", None),
    ],
)
def test_every_object_belongs_to_one_part(key: str, part: str | None) -> None:
    """Locks, other stanzas and what strangers put there belong to none."""
    found = MAP.part_of(key)
    assert (str(found) if found else None) == part


def test_names_that_tell_content_are_known() -> None:
    """restic's by SHA-256, segments by the SHA-1 of what is in them."""
    pack, config = f"prod/restic/db1/data/ab/{PACK}", "prod/restic/db1/config"
    for key, digest in (
        (pack, PACK),
        (config, None),
        (f"prod/restic/db1/pgdump/20261123-010203000-b7fc01/{PACK}", PACK),
    ):
        part = MAP.part_of(key)
        assert part is not None
        assert digest_in_name(part, key) == digest
    stored = segment_of(f"x/{SEGMENT}-{'a' * 40}.zst")
    assert stored is not None
    assert (stored.segment, stored.sha1) == (SEGMENT, "a" * 40)
    assert segment_of(f"x/{SEGMENT}.00000028.backup") is None


def test_what_engines_rewrite_may_change() -> None:
    """The two small files of pgBackRest, with their copies."""
    names = ("backup.info", "archive.info.copy", "backup.manifest", "config")
    assert [is_rewritten(f"x/{name}") for name in names] == [True, True, False, False]
