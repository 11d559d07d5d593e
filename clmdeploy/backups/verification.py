"""The ledger of verification: which stored object was read back when, and with what result. Pure.

A second verify reads only what is new, was exchanged, failed before, or was read too long ago. One ledger covers one
part of a repository (a backup, a directory of log), so that neither memory nor writes grow with all that is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.point import Bytes
from clmdeploy.model.errors import VerificationFailed
from clmdeploy.model.faults import faults_of
from clmdeploy.model.value import Text, Value, canonical_json

SHA256 = r"^[0-9a-f]{64}$"
Result = Literal["sound", "damaged", "missing"]


class Object(Value):
    """An object as the storage lists it now."""

    key: str = Field(min_length=1)
    size: Bytes
    etag: str
    version: str | None = Field(None, description="of a versioned bucket")
    changes: bool = Field(False, description="its engine rewrites it (backup.info): another content is no damage")


class Read(Value):
    """What came of reading one object to its end. `fault`: what its engine's own check says, or why reading ended."""

    object: Object
    at: AwareDatetime
    bytes: Bytes
    sha256: str = Field(pattern=SHA256)
    fault: Text = ""


class Expected(Value):
    """What a manifest, or the object's own name, says of its content."""

    size: Bytes | None = None
    sha256: str | None = Field(None, pattern=SHA256)


class Reading(Value):
    """What the ledger keeps of one object: as it was when last read."""

    key: str
    size: Bytes
    sha256: str = Field(pattern=rf"{SHA256}|^$", description="of its good content; empty: it was never read well")
    etag: str
    version: str | None = None
    at: AwareDatetime
    result: Result
    cause: Text = Field("", description="what is wrong with it")

    @property
    def is_sound(self) -> bool:
        return self.result == "sound"


class Why(IntEnum):
    """Why an object is to be read now; the most telling first."""

    CHANGED = 0
    FAILED = 1
    NEW = 2
    OLD = 3


class Due(Value):
    """One object to be read, and why."""

    object: Object
    why: Why


class Ledger(Value):
    """The readings of one part of a repository, by key."""

    format: Literal["verification/1"] = "verification/1"
    environment_id: str
    part: str
    readings: tuple[Reading, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        keys = [one.key for one in self.readings]
        if keys != sorted(set(keys)):
            raise ValueError("its readings are not in the order of their keys, or one is there twice")
        return self

    @property
    def by_key(self) -> dict[str, Reading]:
        return {one.key: one for one in self.readings}

    @property
    def oldest(self) -> datetime | None:
        """When the object that was read longest ago was read; None when nothing was."""
        return min((one.at for one in self.readings), default=None)

    @property
    def unsound(self) -> tuple[Reading, ...]:
        return tuple(one for one in self.readings if not one.is_sound)

    def noted(self, readings: Iterable[Reading]) -> Self:
        """With these readings in place of older ones of the same objects."""
        merged = self.by_key
        for one in readings:
            if one.key not in merged or merged[one.key].at <= one.at:
                merged[one.key] = one
        return self.model_copy(update={"readings": tuple(merged[key] for key in sorted(merged))})

    def without(self, keys: Iterable[str]) -> Self:
        """Once they were dropped on purpose. What vanishes otherwise is missing, and stays in the ledger as that."""
        gone = set(keys)
        return self.model_copy(update={"readings": tuple(one for one in self.readings if one.key not in gone)})


def due(ledger: Ledger, present: Iterable[Object], now: datetime, most_age: timedelta) -> tuple[Due, ...]:
    """What is to be read now, the most telling first, then what was read longest ago."""
    known = ledger.by_key
    found = [(one, _why(one, known.get(one.key), now, most_age)) for one in present]
    wanted = [Due(object=one, why=why) for one, why in found if why is not None]
    return tuple(sorted(wanted, key=lambda one: (one.why, _last_read(known, one.object.key), one.object.key)))


def reading(read: Read, before: Reading | None, expected: Expected | None = None) -> Reading:
    """What the ledger keeps of a read, held against what must be there and against what was there before."""
    cause = read.fault or _difference(read, before, expected or Expected())
    one = read.object
    known = before.sha256 if before else ""
    return Reading(
        key=one.key, size=one.size, sha256=known if cause else read.sha256, etag=one.etag, version=one.version,
        at=read.at, result="damaged" if cause else "sound", cause=cause,
    )  # fmt: skip


def missing(ledger: Ledger, present: Iterable[str], wanted: Iterable[str], now: datetime) -> tuple[Reading, ...]:
    """Readings for objects that should be there and are not. `present`, `wanted`: keys.

    Wanted is all that the ledger has, too: an object that was dropped on purpose was taken out of it first.
    """
    known, there = ledger.by_key, set(present)
    lacking = sorted(({*known} | {*wanted}) - there)
    return tuple(_gone(key, known.get(key), now) for key in lacking)


def to_bytes(ledger: Ledger) -> bytes:
    """As it is stored: the same ledger always gives the same bytes."""
    return canonical_json(ledger)


def from_bytes(body: bytes, source: str) -> Ledger:
    """A ledger from its bytes. Raises VerificationFailed, naming `source`; without one, all is read anew."""
    try:
        return Ledger.model_validate_json(body)
    except ValidationError as error:
        raise VerificationFailed(words.no_ledger(source, "; ".join(faults_of(error))), words.READ_ANEW) from error


def _why(one: Object, before: Reading | None, now: datetime, most_age: timedelta) -> Why | None:
    if before is None:
        return Why.NEW
    if before.result == "missing" or _identity(one) != (before.size, before.etag, before.version):
        return Why.CHANGED
    if not before.is_sound:
        return Why.FAILED
    # A reading from the future was made by a wrong clock: its age is not known.
    return Why.OLD if now - before.at >= most_age or before.at > now else None


def _identity(one: Object) -> tuple[int, str, str | None]:
    return one.size, one.etag, one.version


def _last_read(known: Mapping[str, Reading], key: str) -> float:
    return known[key].at.timestamp() if key in known else 0.0


def _difference(read: Read, before: Reading | None, expected: Expected) -> str:
    """In words; empty when there is none. What a manifest says counts before what the ledger remembers."""
    if read.bytes != read.object.size:
        return words.cut_short(read.bytes, read.object.size)
    if expected.size is not None and read.bytes != expected.size:
        return words.other_size(read.bytes, expected.size)
    if expected.sha256 is not None:
        return "" if read.sha256 == expected.sha256 else words.other_content(read.sha256, expected.sha256)
    if before is not None and before.sha256 and not read.object.changes and read.sha256 != before.sha256:
        return words.exchanged(before.at)
    return ""


def _gone(key: str, before: Reading | None, now: datetime) -> Reading:
    size, sha256, etag, version = (
        (before.size, before.sha256, before.etag, before.version) if before else (0, "", "", None)
    )
    seen = before.at if before and before.is_sound else None
    return Reading(
        key=key, size=size, sha256=sha256, etag=etag, version=version, at=now, result="missing", cause=words.gone(seen)
    )
