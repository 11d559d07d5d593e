"""What stands beside a point's manifest and may change: whether it is pinned, whether its removal has begun.

One object says both, replaced conditionally: so nobody can pin a point that expiry has just decided to remove, and no
expiry removes what was pinned after it looked.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from clmdeploy.backups.point import PointId, RestorePoint
from clmdeploy.model.value import Value

PinMode = Literal["pitr", "standalone"]
"""pitr: all log since is kept too, so that any later moment can be reached from it · standalone: only the log that
makes the backup consistent is kept, so that a point pinned for years does not hold years of log"""
State = Literal["free", "pinned", "going"]
"""going: its removal has begun; it is no restore point any more, though bytes of it may be left"""


class Author(Value):
    """Who wants it, and why."""

    by: str = Field(min_length=1)
    reason: str = Field("", max_length=1000)
    at: AwareDatetime
    nonce: str = Field("", description="told apart by it: two writers who want the same at the same moment")


class Standing(Author):
    """How a point stands since `at`, and who wanted it so, and why."""

    format: Literal["point-standing/1"] = "point-standing/1"
    point: PointId
    environment_id: str
    state: State
    mode: PinMode | None = Field(None, description="of a pinned point")

    @model_validator(mode="after")
    def _mode_of_a_pin(self) -> Self:
        if (self.state == "pinned") != (self.mode is not None):
            raise ValueError("a pinned point has a mode, another has none")
        return self

    @classmethod
    def of(cls, point: RestorePoint, state: State, author: Author, mode: PinMode | None = None) -> Self:
        """What somebody wants of a point."""
        return cls(point=point.id, environment_id=point.environment_id, state=state, mode=mode, **dict(author))

    @property
    def is_pinned(self) -> bool:
        return self.state == "pinned"

    @property
    def is_going(self) -> bool:
        return self.state == "going"


class Removal(Value):
    """The removal of a point is over: nothing is kept for it any more."""

    format: Literal["point-removal/1"] = "point-removal/1"
    point: PointId
    environment_id: str
    by: str
    at: AwareDatetime
