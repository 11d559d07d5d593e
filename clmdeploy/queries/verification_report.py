"""What a verification found, and what it means for the restore points."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import AwareDatetime

from clmdeploy.backups.damages import Found
from clmdeploy.model.value import Text, Value


class Trouble(Value):
    """One object that is not as it was stored."""

    key: str
    part: str
    result: Literal["damaged", "missing"]
    cause: Text
    spoils: bool
    """false: the engine has a second copy, or nothing is restored from it"""

    @classmethod
    def of(cls, found: Found) -> Trouble:
        result: Literal["damaged", "missing"] = "missing" if found.reading.result == "missing" else "damaged"
        return cls(
            key=found.reading.key, part=str(found.part), result=result, cause=found.reading.cause,
            spoils=found.damage is not None,
        )  # fmt: skip


class Report(Value):
    """Of one run. Times in seconds, sizes in bytes."""

    begun: AwareDatetime
    seconds: float
    objects: int
    """read now"""
    bytes: int
    known: int
    """not read now, since they were read lately"""
    left: int = 0
    """due, and not read: it was stopped"""
    troubles: tuple[Trouble, ...] = ()
    gaps: tuple[str, ...] = ()
    """segments that are not there: later moments can't be reached from earlier points"""
    spoiled: dict[str, tuple[Text, ...]] = {}
    """point → what makes it worthless"""
    verified: dict[str, AwareDatetime | None] = {}
    """sound point → when all of it was read, by what was read longest ago; None: not all was"""
    unbelievable: tuple[Text, ...] = ()
    """what the catalogue has and nobody signed who is trusted: these points could not be looked at"""
    stopped: Text = ""
    """why it ended before its end"""

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def is_sound(self) -> bool:
        return not (self.troubles or self.gaps or self.spoiled or self.unbelievable)


class Watch(Protocol):
    """Is told how far it is."""

    def begun(self, objects: int, size: int, known: int) -> None:
        """`size` bytes in so many objects are due; so many others are known."""

    def read(self, objects: int, size: int) -> None:
        """So much more was read."""

    def found(self, key: str, cause: str) -> None:
        """Something is wrong with an object."""
