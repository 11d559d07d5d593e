"""What is asked of pg_dump and pg_restore, and what may stand in their arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.backups.output import shown
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

SNAPSHOT = re.compile(r"[0-9A-F]{8}-[0-9A-F]{8}-\d{1,10}", re.ASCII)
_CONNECTION = re.compile(r"^postgres(?:ql)?://|=|[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class DumpBackup:
    """Into `directory`, which is empty or does not exist yet. `snapshot` ties several dumps to one moment."""

    directory: str
    snapshot: str = ""


@dataclass(frozen=True)
class DumpRestore:
    """The whole dump into an empty database, or one table as SQL into a file."""

    directory: str
    database: str = ""
    table: tuple[str, str] | None = None
    """schema and name"""
    side_file: str = ""


def named(text: str) -> str:
    """A name with `=` would be read as connection settings, of which some name files and programs."""
    if not text or _CONNECTION.search(text):
        raise InvalidInput(
            Bilingual(f"{shown(text)!r} can't be named to pg_dump", f"{shown(text)!r}: недопустимое имя для pg_dump")
        )
    return text


def absolute(text: str) -> str:
    """Raises InvalidInput."""
    if not text.startswith("/") or ".." in text.split("/"):
        raise InvalidInput(Bilingual(f"{shown(text)!r} is no absolute path", f"{shown(text)!r}: не абсолютный путь"))
    return text
