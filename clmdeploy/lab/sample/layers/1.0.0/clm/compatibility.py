"""Whether this release can run on the schema that the database has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clm.release import NEEDS_SCHEMA, VERSION


@dataclass(frozen=True)
class SchemaState:
    """The schema as its history tells it. `fault` is empty where this release can run on it."""

    version: int
    fault: str = ""


def judge(history: Sequence[dict[str, Any]]) -> SchemaState:
    """What a history means for this release. A migration under way (dirty) doesn't count as reached."""
    version = max((row["version"] for row in history if not row["dirty"]), default=0)
    if version < NEEDS_SCHEMA:
        return SchemaState(version, f"schema {version} is too old: {VERSION} needs {NEEDS_SCHEMA}")
    oldest = max((row["oldest_compatible_app"] for row in history), key=_numbers, default="0.0.0")
    if _numbers(VERSION) < _numbers(oldest):
        return SchemaState(version, f"schema {version} is too new: it needs CLM {oldest} or later, this is {VERSION}")
    return SchemaState(version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split("."))
