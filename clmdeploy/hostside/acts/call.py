"""What an act is told, and how it says that it can't."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

Json = dict[str, Any]  # Any: JSON as it came; each act takes what it needs by key


class ActError(Exception):
    """The act failed, or refused to start; the message is for the administrator."""


class Call(NamedTuple):
    """One act on this host. `secrets` are never returned, logged or kept."""

    act: str
    verb: str
    arguments: Json
    before: Json
    secrets: dict[str, str]


def read_call(place: str) -> Call:
    """The call from its file, which is removed at once: it may hold a presigned address."""
    path = os.path.join(place, "input.json")
    with open(path, encoding="utf-8") as file:
        raw = json.load(file)
    os.unlink(path)
    return Call(raw["act"], raw["verb"], raw.get("arguments", {}), raw.get("before", {}), raw.get("secrets", {}))
