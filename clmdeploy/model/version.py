"""Release versions: Semantic Versioning 2.0.0 (https://semver.org), ordered by its section 11."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_PATTERN = re.compile(
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?",
    re.ASCII,
)
_MAX_LENGTH = 64  # a version becomes a directory name and an S3 key


@total_ordering
class Version:
    """`MAJOR.MINOR.PATCH[-PRERELEASE]`. Build metadata is refused: it has no order, so it can't name a release."""

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        match = _PATTERN.fullmatch(text) if len(text) <= _MAX_LENGTH else None
        if match is None:
            raise ValueError(
                f"{text[:80]!r} is not a version: expected MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE"
            )
        self.text = text
        self._key = _ordering_key(match)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._key < other._key

    @property
    def is_prerelease(self) -> bool:
        return "-" in self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def _validated(value: object) -> Version:
    if isinstance(value, Version):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a version is text in quotes, not {type(value).__name__}")
    return Version(value)


def _ordering_key(match: re.Match[str]) -> tuple[Any, ...]:  # Any: a nested tuple of int and str
    numbers = tuple(int(match.group(index)) for index in (1, 2, 3))
    prerelease = match.group(4)
    if prerelease is None:
        return (*numbers, (1,))
    identifiers = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in prerelease.split("."))
    return (*numbers, (0, identifiers))
