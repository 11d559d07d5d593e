"""A case of the matrix: where it begins, what befalls it, and how the fleet must be afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.faults.ground import Ground

Work = Literal["deploy", "rollback"]
Finish = Literal["resume", "abort"]
Leaves = Literal["before", "after"]
"""before: all is as the case found it · after: all is as the same work leaves it when nothing befalls it"""


@dataclass(frozen=True)
class Case:
    """`act` does all of it and raises AssertionError where the tool did not keep its word.

    What it returns, if anything, is to be left instead of `leaves`: where the tool had a choice, and told it.
    """

    family: str
    name: str
    work: Work
    leaves: Leaves
    act: Callable[[Ground], Leaves | None]
    loaded: bool = True
    """whether users ask meanwhile, none of whom may see a failure: so for every fault of the control side"""


@dataclass(frozen=True)
class Family:
    """Enumerates its cases, from the plans of the ground's own fleet."""

    name: str
    cases: Callable[[Ground], Iterable[Case]]
