"""Tables are named as they stand in the catalogue, and so are their files."""

from __future__ import annotations

import pytest

from clmdeploy.backups.table_name import table_name
from clmdeploy.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "space", "name", "file"),
    [
        ("public.subscribers", "public", "subscribers", "public.subscribers.dump"),
        ("Public.Users", "Public", "Users", "Public.Users.dump"),
        ('"a.b"."c""d"', "a.b", 'c"d', "a.b.c%22d.dump"),
        ("public.адреса и телефоны", "public", "адреса и телефоны", None),
        ('"../etc"."/passwd"', "../etc", "/passwd", "..%2Fetc.%2Fpasswd.dump"),
    ],
)
def test_a_name_is_taken_as_it_stands(text: str, space: str, name: str, file: str | None) -> None:
    """Nothing is folded; whatever a name holds, its file lies in the directory that was named."""
    table = table_name(text)
    assert (table.space, table.name) == (space, name)
    assert table.file == file or (file is None and table.file.isascii())
    assert "/" not in table.file
    assert len(table.file) < 255


@pytest.mark.parametrize("text", ["", "subscribers", ".a", "a.", "a.b.c", '"a.b', "a.b\0c", f"a.{'я' * 32}"])
def test_what_is_no_name_of_a_table_is_refused(text: str) -> None:
    """Before anything is asked of anybody."""
    with pytest.raises(UsageError, match=r"is no SCHEMA\.TABLE"):
        table_name(text)


def test_the_longest_names_have_files_too() -> None:
    """And two of them never one."""
    one, other = (table_name(f"{'я' * 31}.{'ж' * 30}{end}").file for end in "ab")
    assert one != other
    assert max(len(one), len(other)) < 255
