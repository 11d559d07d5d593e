"""A database with everything odd in it, its digest by queries of its own, and moments between transactions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clmdeploy.lab.host import LabHost
from clmdeploy.lab.writes import AS_POSTGRES

_HERE = Path(__file__).parent
_ROW_BYTES = 900  # on disk, with its indexes
_LIMIT = 1800  # seconds
_AHEAD = 32  # numbers that PostgreSQL logs ahead of a sequence (SEQ_LOG_VALS): a crash or restore skips them
_PAUSE = 1.2  # seconds: pgBackRest chooses backups by whole seconds
Digest = Mapping[str, Mapping[str, Any]]  # Any: JSON


@dataclass(frozen=True)
class Database:
    """One database of a PostgreSQL server on a host of the lab."""

    host: LabHost
    name: str = "clm"
    port: int = 5432

    def query(self, text: str, timeout: float = 60) -> str:
        """What psql prints, without headings. Raises LabError when a statement fails."""
        psql = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.name, "-p", str(self.port))
        return self.host.run([*AS_POSTGRES, *psql], input=text, timeout=timeout).stdout

    def fill(self, size: int, seed: int = 1) -> None:
        """Make the schema `kit` with about `size` bytes in it."""
        head = f"\\set rows {max(1000, size // _ROW_BYTES)}\n\\set seed {seed}\n"
        self.query(head + (_HERE / "fill.sql").read_text(), _LIMIT)

    def change(self, share: float, *, scattered: bool, seed: int = 1) -> int:
        """Rewrite that share of the subscribers, neighbours or all over; how many. Twice the same is another change."""
        rows = int(self.query("SELECT max(id) FROM kit.subscribers"))
        count = max(1, int(rows * share))
        first = seed * 7919 % max(1, rows - count)
        chosen = f"id * 2654435761 % {rows} < {count}" if scattered else f"id > {first} AND id <= {first + count}"
        new = f"sha512(payload || convert_to('{seed}', 'UTF8')) || substr(payload, 65)"
        self.query(f"UPDATE kit.subscribers SET payload = {new} WHERE {chosen};\nCHECKPOINT", _LIMIT)  # noqa: S608
        return count

    def digest(self) -> Digest:
        """All that a restore must bring back. Unlogged tables are left out: no backup has their rows."""
        lines = self.query((_HERE / "digest.sql").read_text(), _LIMIT).splitlines()
        found = {f"{entry['kind']} {entry['name']}": entry for entry in map(json.loads, filter(None, lines))}
        return {**found, "schema": {"kind": "schema", "text": self._schema()}}

    def _schema(self) -> str:
        """As pg_dump writes it, without the key that each of its runs makes up."""
        dump = self.host.run([*AS_POSTGRES, "pg_dump", "--schema-only", "-d", self.name, "-p", str(self.port)]).stdout
        return "\n".join(line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))

    def moment(self, number: int = 1) -> Moment:
        """Commit one transaction, let a moment pass, commit another: a restore to the moment has only the first."""
        self.query(f"INSERT INTO kit.moments VALUES ({2 * number}, 'before the moment')")  # noqa: S608
        digest = self.digest()
        time.sleep(_PAUSE)
        at = self.query("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        time.sleep(_PAUSE)
        self.query(f"INSERT INTO kit.moments VALUES ({2 * number + 1}, 'after the moment')")  # noqa: S608
        return Moment(at.strip(), digest)


@dataclass(frozen=True)
class Moment:
    """Between two transactions. `at`: ISO 8601 in UTC, to the microsecond; `digest`: what was there then."""

    at: str
    digest: Digest


def database_differences(before: Digest, after: Digest) -> list[str]:
    """What is not as it was, a sentence each; empty when nothing is."""
    return [
        *(f"{name} is gone" for name in before if name not in after),
        *(f"{name} was not there" for name in after if name not in before),
        *(words for name in before if name in after for words in _changes(name, before[name], after[name])),
    ]


def _changes(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before["kind"] == "sequence":
        yield from _sequence(name, before, after)
    elif before["kind"] == "schema":
        was, now = before["text"].splitlines(), after["text"].splitlines()
        if was != now:
            yield f"schema: {_first_difference(was, now)}"
    elif before.get("rows") != after.get("rows"):
        yield f"{name}: had {before['rows']} rows, has {after['rows']}"
    elif before["content"] != after["content"]:
        yield f"{name}: its content is another"


def _sequence(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """It may have run ahead, by what the log holds, and never back: a number would be given twice."""
    ahead = (after["last"] - before["last"]) / before["step"]
    if ahead < 0 or ahead > _AHEAD or (before["called"] and not after["called"]):
        yield f"{name}: stood at {before['last']}, stands at {after['last']}"


def _first_difference(before: list[str], after: list[str]) -> str:
    for was, now in zip(before, after, strict=False):
        if was != now:
            return f"was {was!r}, is {now!r}"
    return f"had {len(before)} lines, has {len(after)}"
