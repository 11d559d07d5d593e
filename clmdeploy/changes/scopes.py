"""Scopes: what a change keeps to itself. The fleet is what runs; the data is what is backed up and restored.

Each has a lease, a chain of the journal and a lock on every host of its own, so that a nightly backup never stands in
the way of a rollback.
"""

from __future__ import annotations

import re
from typing import Literal

Scope = Literal["fleet", "data"]
Kind = Literal["deploy", "rollback", "setup", "backup", "expire", "restore"]
SCOPES: tuple[Scope, ...] = ("fleet", "data")
_DATA: tuple[Kind, ...] = ("backup", "expire")
_CHANGE = re.compile(r"[0-9]{8}-[0-9]{9}-([a-z]+)-[0-9a-f]+")


def scope_of(kind: Kind) -> Scope:
    """A restore has the fleet for all of its time, and the data around those of its steps that need it."""
    return "data" if kind in _DATA else "fleet"


def scope_of_change(change: str) -> Scope:
    """From the ID, which holds the kind; what is no ID is looked for where most changes are."""
    found = _CHANGE.fullmatch(change)
    return "data" if found and found[1] in _DATA else "fleet"
