"""A table as an administrator names it. Pure."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from pydantic import Field

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError
from clmdeploy.model.value import Value

_PLAIN = re.compile(r'([^."\x00]+)\.([^."\x00]+)')
_QUOTED = re.compile(r'("(?:[^"\x00]|"")+"|[^."\x00]+)\.("(?:[^"\x00]|"")+"|[^."\x00]+)')
_LONGEST = 63  # bytes of a name in PostgreSQL
_FILE = 200  # characters of a file's name


class TableName(Value):
    """Names as they stand in the catalogue: upper and lower case are told apart."""

    space: str = Field(min_length=1, description="the schema")
    name: str = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.space}.{self.name}"

    @property
    def file(self) -> str:
        """What its dump is called: `public.subscribers.dump`; whatever is no plain character is written as %XX."""
        plain = f"{quote(self.space, safe='')}.{quote(self.name, safe='')}"
        if len(plain) > _FILE:
            plain = f"{plain[:_FILE]}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"
        return f"{plain}.dump"


def table_name(text: str) -> TableName:
    """`SCHEMA.TABLE`; a name with a dot in it stands between quotes, as in SQL. Raises UsageError."""
    found = _PLAIN.fullmatch(text) or _QUOTED.fullmatch(text)
    names = [_unquoted(part) for part in found.groups()] if found else []
    if not names or any(len(name.encode()) > _LONGEST for name in names):
        raise UsageError(
            Bilingual(f"--table {text[:150]!r}: is no SCHEMA.TABLE", f"--table {text[:150]!r}: это не SCHEMA.TABLE"),
            "--table public.subscribers",
        )
    return TableName(space=names[0], name=names[1])


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part
