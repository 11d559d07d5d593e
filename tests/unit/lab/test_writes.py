"""Checking that every acknowledged write is in the database exactly once."""

from collections.abc import Sequence
from uuid import uuid4

import pytest

from clmdeploy.lab.writes import count_by_psql, verify_writes


def test_writes_found_once_are_exact() -> None:
    """Rows that nobody acknowledged don't matter."""
    check = verify_writes(["a", "b"], lambda ids: dict.fromkeys([*ids, "other"], 1))
    assert check.exact
    assert check.acknowledged == 2


def test_missing_and_repeated_writes_are_named() -> None:
    """The check says which writes to look for."""
    check = verify_writes(["a", "b", "c"], lambda _: {"a": 1, "c": 2})
    assert not check.exact
    assert (check.missing, check.repeated) == (("b",), ("c",))


def test_many_writes_are_asked_for_in_batches() -> None:
    """No single question grows without bound, and none is left out."""
    asked: list[int] = []

    def count_of(ids: list[str]) -> dict[str, int]:
        asked.append(len(ids))
        return dict.fromkeys(ids, 1)

    assert verify_writes([str(number) for number in range(2500)], count_of).exact
    assert asked == [1000, 1000, 500]


def test_psql_is_asked_through_standard_input() -> None:
    """The query is no argument, the account is the database's own, and the rows are read back."""
    first, second = str(uuid4()), str(uuid4())
    calls: list[tuple[Sequence[str], str]] = []

    def run(argv: Sequence[str], text: str) -> str:
        calls.append((argv, text))
        return f"{first} 1\n"

    assert count_by_psql(run)([first, second]) == {first: 1}
    argv, query = calls[0]
    assert argv[:5] == ("runuser", "-u", "postgres", "--", "psql")
    assert first in query
    assert second in query
    assert not any(first in argument for argument in argv)


def test_only_uuids_get_into_the_query() -> None:
    """Anything else is refused before psql is started."""
    with pytest.raises(ValueError, match="badly formed"):
        count_by_psql(lambda *_: "")(["x'); DROP TABLE responses; --"])
