"""Rows in the text format of COPY (PostgreSQL's manual, "COPY": text format)."""

import re
from collections.abc import Iterable, Iterator, Sequence

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_BLOCK = 2000  # rows handed over at once: a call for each row costs more than the row


def blocks(rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, str]]:
    """(number of rows, their text) of some thousand rows each."""
    lines: list[str] = []
    for row in rows:
        lines.append("\t".join(map(_value, row)))
        if len(lines) == _BLOCK:
            yield len(lines), "\n".join(lines) + "\n"
            lines = []
    if lines:
        yield len(lines), "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if value is None:
        return r"\N"
    return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], value) if isinstance(value, str) else str(value)
