"""The matrix: its families, one module each."""

from __future__ import annotations

from tests.faults.case import Family
from tests.faults.families import (
    asleep,
    fencing,
    frame,
    hosts,
    kill,
    offline,
    operators,
    other_node,
    policies,
    sample,
    second,
    signals,
    storage,
)

_MODULES = (
    sample,
    kill,
    frame,
    second,
    signals,
    other_node,
    asleep,
    storage,
    operators,
    offline,
    hosts,
    policies,
    fencing,
)
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in _MODULES}
