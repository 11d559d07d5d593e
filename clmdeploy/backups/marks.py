"""What verification last said of each restore point, in one signed object: `ENV/verification/marks`.

The ledgers of single objects are many and large. This is what listings and retention need of them: one read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import AwareDatetime, Field

from clmdeploy.backups.point import PointId
from clmdeploy.backups.sealed import not_believed, seal, unseal
from clmdeploy.backups.words import moved
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import Conflict, InvalidInput
from clmdeploy.model.signing import Signer, Verifier
from clmdeploy.model.value import Text, Value


class Mark(Value):
    """What verification last said of one point."""

    point: PointId
    at: AwareDatetime = Field(description="when that was said")
    verified: AwareDatetime | None = Field(
        None, description="when all of it was read back well: by the part that was read longest ago; None: not all was"
    )
    faults: tuple[Text, ...] = Field((), description="what makes it worthless; a point with faults counts for nothing")


class Marks(Value):
    """Of all points of an environment that were ever looked at."""

    format: Literal["verification-marks/1"] = "verification-marks/1"
    environment_id: str
    marks: tuple[Mark, ...] = ()

    @property
    def by_point(self) -> dict[str, Mark]:
        return {one.point: one for one in self.marks}

    def noted(self, marks: Iterable[Mark]) -> Self:
        """With these in place of older ones of the same points."""
        merged = self.by_point
        for one in marks:
            if one.point not in merged or merged[one.point].at <= one.at:
                merged[one.point] = one
        return self.model_copy(update={"marks": tuple(merged[name] for name in sorted(merged))})

    def without(self, points: Iterable[str]) -> Self:
        """Once these were removed."""
        gone = set(points)
        return self.model_copy(update={"marks": tuple(one for one in self.marks if one.point not in gone)})


@dataclass(frozen=True)
class MarkBook:
    """Where the marks of one environment are kept. Reading needs no signer that works."""

    store: ObjectStore
    environment: str
    environment_id: str
    signer: Signer
    verifier: Verifier

    def read(self) -> Marks:
        """Empty before the first verification. Raises VerificationFailed when what is there can't be believed."""
        return self._standing()[0]

    def note(self, marks: Iterable[Mark]) -> Marks:
        """What a verification has found, beside what is known of other points. Raises Conflict after some races."""
        told = tuple(marks)
        return self._change(lambda present: present.noted(told))

    def forget(self, points: Iterable[str]) -> Marks:
        """Points that are gone."""
        gone = frozenset(points)
        return self._change(lambda present: present.without(gone))

    def _change(self, change: Callable[[Marks], Marks], tries: int = 3) -> Marks:
        present, etag = self._standing()
        wanted = change(present)
        if wanted == present:
            return present
        body = seal(wanted, self.signer, self.verifier)[0]
        try:
            if etag is None:
                create(self.store, self._key, body)
            else:
                replace(self.store, self._key, body, etag)
        except Conflict:
            if tries == 1:
                raise
            return self._change(change, tries - 1)
        return wanted

    def _standing(self) -> tuple[Marks, str | None]:
        try:
            stored = self.store.get(self._key)
        except Missing:
            return Marks(environment_id=self.environment_id), None
        except InvalidInput as error:  # larger than anything that this tool writes
            raise not_believed(self._key, error.message) from error
        marks = unseal(Marks, stored.body, self.verifier, self._key)[0]
        if marks.environment_id != self.environment_id:
            raise not_believed(self._key, moved(marks.environment_id))
        return marks, stored.etag

    @property
    def _key(self) -> str:
        return f"{self.environment}/verification/marks"
