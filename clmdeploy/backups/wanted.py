"""What is asked of the backup host about one object, and what its answer means. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.parts import UNPACKERS, Part, StorageMap, digest_in_name, segment_of
from clmdeploy.backups.verification import SHA256, Expected, Object, Read, Reading, reading
from clmdeploy.backups.wal import is_segment_size
from clmdeploy.model.value import JsonValue


class Answer(BaseModel):
    """What the backup host tells of one object (hostside/acts/reading)."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    key: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=SHA256)
    fault: str = ""
    plain_bytes: int | None = None
    plain_sha1: str | None = None


@dataclass(frozen=True)
class Wanted:
    """One object to be read, with all that is known of it before."""

    object: Object
    part: Part
    expected: Expected = field(default_factory=Expected)
    pieces: bytes = b""
    """digests of its parts, as hostside/acts/reading packs them"""
    file: str = ""
    """for the plain content: how pgBackRest calls the object"""
    packed: str = ""
    """program that unpacks it"""
    plain_sha1: str = ""
    known_fault: str = ""
    """what was found wrong with its content by other means"""

    @classmethod
    def of(cls, one: Object, part: Part, layout: StorageMap, before: Reading | None) -> Self:
        """By name alone. The plain content of log is looked at once: then its SHA-256 says the same."""
        wanted = cls(one, part, Expected(sha256=digest_in_name(part, one.key)))
        segment = segment_of(one.key) if part.kind == "log" else None
        same = before is not None and before.is_sound and (before.size, before.etag) == (one.size, one.etag)
        if segment is None or same:
            return wanted
        file, packed = layout.in_repository(one.key), UNPACKERS[segment.compression]
        return replace(wanted, file=file, packed=packed, plain_sha1=segment.sha1)

    def question(self) -> JsonValue:
        """As the act takes it."""
        told = {"key": self.object.key, "size": self.object.size}
        if self.pieces:
            told["pieces"] = base64.b64encode(self.pieces).decode()
        return {**told, "file": self.file, "packed": self.packed} if self.file else told

    def reading(self, answer: Answer, at: datetime, before: Reading | None) -> Reading:
        """What the ledger keeps of it."""
        read = Read(
            object=self.object, at=at, bytes=answer.bytes, sha256=answer.sha256,
            fault=self.known_fault or self._fault(answer),
        )  # fmt: skip
        if read.fault and answer.fault.startswith("piece") and answer.bytes < self.object.size:
            read = read.model_copy(update={"fault": ""})  # it was cut short: that is said in better words
        return reading(read, before, self.expected)

    def _fault(self, answer: Answer) -> str:
        what, _, rest = answer.fault.partition(": ")
        match what, rest.split(" "):
            case "piece", [offset, length, count]:
                return words.piece(offset, length, count)
            case "unpacked", _:
                return words.not_unpacked(rest)
            case "gone", _:
                return words.GONE
            case "", _:
                return self._plain_fault(answer)
        return words.unreadable(rest or what)

    def _plain_fault(self, answer: Answer) -> str:
        if not self.plain_sha1 or answer.plain_sha1 is None or answer.plain_bytes is None:
            return ""
        if answer.plain_sha1 != self.plain_sha1:
            return words.other_log(answer.plain_sha1, self.plain_sha1)
        return "" if is_segment_size(answer.plain_bytes) else words.no_segment(answer.plain_bytes)
