"""Is every acknowledged write there, exactly once? Asked of the database itself, not of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

CountOf = Callable[[list[str]], dict[str, int]]
RunWithInput = Callable[[Sequence[str], str], str]

_AT_ONCE = 1000
AS_POSTGRES = ("runuser", "-u", "postgres", "--")


@dataclass(frozen=True)
class WriteCheck:
    """Acknowledged writes that the database doesn't have, and such as it has more than once."""

    acknowledged: int
    missing: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Each is found exactly once."""
        return not self.missing and not self.repeated


def verify_writes(acknowledged: Sequence[str], count_of: CountOf) -> WriteCheck:
    """Compare with the database. `count_of` gives the number of rows for each id that has any."""
    counts: dict[str, int] = {}
    for ids in _in_batches(acknowledged):
        counts |= count_of(ids)
    missing = tuple(one for one in acknowledged if counts.get(one, 0) == 0)
    repeated = tuple(one for one in acknowledged if counts.get(one, 0) > 1)
    return WriteCheck(len(acknowledged), missing, repeated)


def count_by_psql(run: RunWithInput, database: str = "clm", prefix: Sequence[str] = AS_POSTGRES) -> CountOf:
    """A `count_of` that runs psql on the database host.

    `run` takes an argument vector and the text for its standard input, gives its standard output, and raises where
    the command fails. `prefix` comes before psql, so that the right account asks.
    """
    command = (*prefix, "psql", "-X", "-A", "-t", "-q", "-F", " ", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-")

    def count_of(ids: list[str]) -> dict[str, int]:
        names = ", ".join(f"'{UUID(one)}'" for one in ids)  # UUID() lets nothing else into the query
        output = run(command, f"SELECT id, count(*) FROM responses WHERE id IN ({names}) GROUP BY id;\n")  # noqa: S608
        rows = (line.split(" ") for line in output.splitlines() if line)
        return {identifier: int(count) for identifier, count in rows}

    return count_of


def _in_batches(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield list(ids[first : first + _AT_ONCE])
