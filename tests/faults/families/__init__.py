"""The families of the matrix, one module each."""

from __future__ import annotations

from tests.faults.case import Family
from tests.faults.families import kill

FAMILIES: dict[str, Family] = {family.name: family for family in (kill.FAMILY,)}
