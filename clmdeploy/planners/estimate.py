"""How long it will take, by what earlier changes of the same kind took. Pure; never part of a plan: see Plan."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pydantic import Field

from clmdeploy.model.value import Value

SMALL = 256 * 1024**2
"""bytes below which time does not follow from size"""


class Past(Value):
    """One earlier change that went through. Times in seconds."""

    moving: float = Field(ge=0, description="steps that read or write data as a whole")
    other: float = Field(ge=0, description="all other steps")
    size: int = Field(0, ge=0, description="bytes that were moved")


class Estimate(Value):
    """About how long. Without history there is a size alone."""

    seconds: int | None = None
    runs: int = Field(0, description="earlier ones that it follows from")
    size: int = Field(0, description="bytes to be moved; 0 where nobody can tell before")


def estimate(past: Sequence[Past], size: int) -> Estimate:
    """The median of the earlier ones; the time of data grows with its size. `size`: bytes to be moved this time."""
    if not past:
        return Estimate(size=size)
    rate = median(one.moving / max(one.size, SMALL) for one in past)
    seconds = median(one.other for one in past) + rate * max(size, SMALL)
    return Estimate(seconds=round(seconds), runs=len(past), size=size)
