"""Pydantic's findings in the words of an administrator: `KEY.PATH: cause`, all of them at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MOST = 50  # faults shown of one file; a wrong file altogether would give thousands
_MOST_CHARACTERS = 300
_UNION_MEMBER = re.compile(r"[a-z-]+\[.*\]", re.DOTALL)  # pydantic names the tried member of a union in the location
_WORDS: Mapping[str, str] = {
    "extra_forbidden": "this key is unknown",
    "missing": "this key is missing",
}


def faults_of(error: ValidationError) -> list[str]:
    """One line a fault, `components.0.group: cause`; never more than 51 lines, without control characters."""
    details = error.errors(include_url=False, include_context=False)
    deeper = [detail["loc"] for detail in details if detail["type"] != "too_short"]
    # A list whose every item was refused is also reported as too short: only the items' own faults help.
    told = [d for d in details if d["type"] != "too_short" or not any(_below(loc, d["loc"]) for loc in deeper)]
    faults = list(dict.fromkeys(_fault(detail) for detail in told))
    if len(faults) > _MOST:
        return [*faults[:_MOST], f"… and {len(faults) - _MOST} more faults"]
    return faults


def printable(text: str, limit: int = _MOST_CHARACTERS) -> str:
    """Foreign text made safe for a terminal: control and other unprintable characters escaped, shortened to `limit`."""
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"


def _below(location: tuple[int | str, ...], above: tuple[int | str, ...]) -> bool:
    return len(location) > len(above) and location[: len(above)] == above


def _fault(detail: ErrorDetails) -> str:
    location = ".".join(printable(str(part), 80) for part in detail["loc"] if not _UNION_MEMBER.fullmatch(str(part)))
    cause = _cause(detail)
    return f"{location}: {cause}" if location else cause


def _cause(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    message = printable(detail["msg"].removeprefix("Value error, "))
    if kind in ("value_error", "json_invalid") or isinstance(detail["input"], dict | list | tuple):
        return message
    return f"{message}, not {printable(repr(detail['input']), 80)}"
