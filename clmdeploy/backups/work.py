"""A work: what an engine is to do on one host, as commands, and what is read from what they said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.engine import Ending, Progress
from clmdeploy.backups.output import shown
from clmdeploy.backups.point import point_of_change
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ClmError
from clmdeploy.model.value import JsonValue

Arguments = Mapping[str, JsonValue]
Found = dict[str, JsonValue]


class WorkFailed(ClmError):
    """An engine did not do what it was to do, or what it did is not to be believed."""


class Asked(BaseModel):
    """What a work takes from its arguments; others are about the change around it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OfPoint(Asked):
    """For works of a restore point: which one is known when they act, by the change that they are part of."""

    change: str
    local: int = 1

    @property
    def point(self) -> str:
        """Its ID. Raises InvalidInput."""
        return point_of_change(self.change, self.local)


class Work(Protocol):
    """One kind of work. `read` and `state` raise ClmError for what is no success; results are small and no secret."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        """In order; the first that fails is the last."""

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """What came of them."""

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        """Read-only, for when no answer came: was it done? None where doing it once more is the answer."""

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """`state` is done, not-done or partial; with done all that `read` tells stands beside it."""

    def progress(self, arguments: Arguments, line: bytes) -> Progress | None:
        """From one line of what a command says."""


@runtime_checkable
class Cautious(Protocol):
    """A work that looks before it acts, since it could not be taken back."""

    def caution(self, arguments: Arguments) -> tuple[Command, ...]:
        """Read-only commands, run right before those of the work."""

    def refuse(self, arguments: Arguments, completed: Sequence[Completed]) -> None:
        """Raises ClmError where by what these said the work must not begin."""


class Repeatable:
    """For works that leave nothing behind which a second time would double."""

    def question(self, _arguments: Arguments) -> tuple[Command, ...]:
        """There is nothing to ask for."""
        return ()

    def state(self, _arguments: Arguments, _completed: Sequence[Completed]) -> Found:
        """Do it again."""
        return {"state": "not-done"}

    def progress(self, _arguments: Arguments, _line: bytes) -> Progress | None:
        """It takes no time worth telling."""
        return None


def failed(ending: Ending) -> WorkFailed:
    """In the engine's words, with its remedy."""
    return WorkFailed(ending.words, ending.remedy)


def refuse_unsuccessful(completed: Completed, ending: Ending, program: str) -> None:
    """Raises WorkFailed unless the command ended well and in its time."""
    if completed.late:
        said = shown(completed.stderr.strip().rsplit(b"\n", 1)[-1])
        told = Bilingual(f"{program} took too long: {said}", f"{program}: превышено время: {said}")
        raise WorkFailed(told, ending.remedy)
    if completed.code < 0:
        raise WorkFailed(Bilingual(f"{program}: {ending.words}", f"{program}: {russian(ending.words)}"), ending.remedy)
    if not ending.is_success:
        raise failed(ending)
