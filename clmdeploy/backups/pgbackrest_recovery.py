"""Where a pgBackRest restore ends and where it goes; and what may stand in its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from clmdeploy.backups.pgbackrest_names import lsn
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
Recovery = Literal["default", "immediate", "lsn", "time", "name", "standby"]


@dataclass(frozen=True)
class Target:
    """Where a recovery ends. `value` is an LSN, an aware datetime or a name, as `kind` says."""

    kind: Recovery
    value: str | datetime | None = None
    timeline: int | None = None
    """None: that of the backup, and never the latest one: a promoted side restore would be followed"""

    def arguments(self) -> tuple[str, ...]:
        """Raises InvalidInput for a value that is not of its kind."""
        if self.kind in ("standby", "immediate"):  # to these no timeline may be said
            return (f"--type={self.kind}", *self._value(), *(("--target-action=promote",) * (self.kind == "immediate")))
        timeline = "current" if self.timeline is None else str(self.timeline)
        action = () if self.kind == "default" else ("--target-action=promote",)
        return (f"--type={self.kind}", *self._value(), *action, f"--target-timeline={timeline}")

    def _value(self) -> tuple[str, ...]:
        match self.kind, self.value:
            case "default" | "immediate" | "standby", None:
                return ()
            case "lsn", str(text):
                return (f"--target={checked(lsn, text)}",)
            case "name", str(text) if POINT.fullmatch(text):
                return (f"--target={text}",)
            case "time", datetime(tzinfo=zone) as moment if zone is not None:
                # a time without zone means another moment to pgBackRest than to PostgreSQL
                return (f"--target={moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00",)
        words = f"recovery target {self.kind}: {str(self.value)[:80]!r}"
        raise InvalidInput(Bilingual(f"{words} is none", f"{words}: недопустимое значение"))


@dataclass(frozen=True)
class DatabaseRestore:
    """What to restore. `label` is always named: pgBackRest's own choice does not look at timelines."""

    label: str
    target: Target
    side_path: str = ""
    """directory of a second cluster beside the running one; empty: in place, by delta"""
    side_tablespaces: str = ""
    databases: tuple[str, ...] = ()
    """only these are filled; the others must be dropped afterwards"""
    recovery_options: Mapping[str, str] = field(default_factory=dict)


def checked(check: Callable[[str], str], text: str) -> str:
    """`text`, if `check` takes it. Raises InvalidInput."""
    try:
        return check(text)
    except ValueError as fault:
        raise InvalidInput(Bilingual(str(fault), f"недопустимое имя: {text[:80]!r}")) from None


def plain(text: str) -> str:
    """pgBackRest writes it between quotes into the server's configuration, as it is. Raises InvalidInput."""
    if not text or re.search(r"['\\\x00-\x1f\x7f]", text):
        raise InvalidInput(Bilingual(f"{text[:80]!r}: quotes are refused here", f"{text[:80]!r}: кавычки здесь нельзя"))
    return text


def path(text: str) -> str:
    """An absolute path. Raises InvalidInput."""
    if not text.startswith("/") or ".." in text.split("/"):
        raise InvalidInput(Bilingual(f"{text[:80]!r} is no absolute path", f"{text[:80]!r}: не абсолютный путь"))
    return plain(text)


def relative(text: str) -> str:
    """A path below the repository's. Raises InvalidInput."""
    if not text or text.startswith(("/", "-")) or ".." in text.split("/"):
        raise InvalidInput(Bilingual(f"{text[:80]!r} is no path of a repository", f"{text[:80]!r}: не путь хранилища"))
    return text
