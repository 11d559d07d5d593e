"""A moment as an administrator types it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError

_EXAMPLE = "2026-01-31T23:59:59+03:00"


def moment(text: str, zone: str) -> datetime:
    """ISO 8601, to the microsecond; without an offset it is a time of `zone` (IANA's name). In UTC.

    Raises UsageError for what is none, and for a local time that occurs twice or not at all that day.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _no_moment(text) from None
    if len(text.strip()) <= len("2026-01-31"):
        raise _no_moment(text)
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    there = ZoneInfo(zone)
    meant = sorted({found.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1)})
    real = [one for one in meant if one.astimezone(there).replace(tzinfo=None) == found]
    if len(real) != 1:
        raise _not_once(text, zone, [one.astimezone(there).isoformat() for one in meant], bool(real))
    return real[0]


def _no_moment(text: str) -> UsageError:
    shown = text[:80]
    return UsageError(
        Bilingual(f"{shown!r} is no date and time", f"{shown!r}: не дата и время"),
        Bilingual(f"like {_EXAMPLE}", f"например {_EXAMPLE}"),
    )


def _not_once(text: str, zone: str, meant: list[str], twice: bool) -> UsageError:
    shown, both = text[:80], " / ".join(meant)
    words = (
        Bilingual(f"{shown} occurs twice in {zone}", f"{shown} в {zone} бывает дважды")
        if twice
        else Bilingual(f"{shown} does not occur in {zone}", f"{shown} в {zone} не бывает")
    )
    return UsageError(words, Bilingual(f"say the offset: {both}", f"укажите смещение: {both}"))
