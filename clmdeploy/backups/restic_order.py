"""What is asked of restic, and what may stand in its arguments."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from clmdeploy.backups.output import shown
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import InvalidInput

SNAPSHOT = re.compile(r"[0-9a-f]{64}", re.ASCII)
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=:-]{0,127}", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)
_SPECIAL = re.compile(r"([*?\[\]\\])")


@dataclass(frozen=True)
class FilesBackup:
    """What to take: absolute paths as `os.fsdecode` gives them. Tags at once: to tag later changes a snapshot's ID."""

    paths: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class FilesRestore:
    """One path of a snapshot: back where it was, exactly, or below `side_path` without touching what is there."""

    snapshot: str
    path: str
    side_path: str = ""


def escaped(name: str) -> str:
    """A name as a pattern that matches nothing else (filepath.Match syntax)."""
    return _SPECIAL.sub(r"\\\1", name)


def absolute(path: str) -> str:
    """Raises InvalidInput for a path that restic would read as another one."""
    if not path.startswith("/") or "\0" in path or os.path.normpath(path) != path or path.startswith("//"):
        shown_path = shown(path)
        raise InvalidInput(
            Bilingual(f"{shown_path!r} is no plain absolute path", f"{shown_path!r}: не простой абсолютный путь")
        )
    return path


def named(pattern: re.Pattern[str], text: str, en: str, ru: str) -> str:
    """`text`, where it has this form. Raises InvalidInput."""
    what = Bilingual(en, ru)
    if not pattern.fullmatch(text):
        raise InvalidInput(
            Bilingual(f"{shown(text)!r} is not the name of {what}", f"{shown(text)!r}: не имя {russian(what)}")
        )
    return text
