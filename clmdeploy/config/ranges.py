"""Ranges in host names, as Ansible's inventories write them: `app[1:3]`, `app[01:12:2]`, `db-[a:c]`."""

from __future__ import annotations

import re
import string

_RANGE = re.compile(r"\[([^\[\]:]*):([^\[\]:]+)(?::([^\[\]:]+))?\]")
_MOST = 1000


def expand(pattern: str) -> list[str]:
    """Every name that `pattern` stands for, in order. Raises ValueError for a range that makes no sense."""
    match = _RANGE.search(pattern)
    if match is None:
        if "[" in pattern or "]" in pattern:
            raise ValueError(f"{pattern[:80]!r} holds a bracket that is no range like [1:3]")
        return [pattern]
    names = []
    for item in _items(*match.groups()):
        names += expand(pattern[: match.start()] + item + pattern[match.end() :])
        if len(names) > _MOST:
            raise ValueError(f"{pattern[:80]!r} stands for more than {_MOST} hosts")
    return names


def _items(begin: str, end: str, step: str | None) -> list[str]:
    begin = begin or "0"
    letters = string.ascii_letters
    stride = int(step or "1") if (step or "1").isdecimal() else 0
    if stride < 1:
        raise ValueError(f"the step of [{begin}:{end}:{step}] must be a whole number from 1")
    if begin.isdecimal() and end.isdecimal():
        numbers = range(int(begin), int(end) + 1, stride)
        if len(numbers) > _MOST or len(begin) > 9 or len(end) > 9:
            raise ValueError(f"the range [{begin}:{end}] stands for more than {_MOST} hosts")
        width = len(begin) if len(begin) > 1 and begin.startswith("0") else 0
        if width and width != len(end):
            raise ValueError(f"both ends of [{begin}:{end}] must have the same number of digits")
        result = [str(number).zfill(width) for number in numbers]
    elif len(begin) == len(end) == 1 and begin in letters and end in letters:
        result = list(letters[letters.index(begin) : letters.index(end) + 1 : stride])
    else:
        raise ValueError(f"the range [{begin}:{end}] must go from number to number, or from letter to letter")
    if not result:
        raise ValueError(f"the range [{begin}:{end}] is empty")
    return result
