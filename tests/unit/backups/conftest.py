"""Restore points to test with, as short as a test can tell them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from clmdeploy.backups.point import (
    Counters,
    DatabasePart,
    FilesPart,
    NamedPoint,
    RestorePoint,
    WalSpan,
    new_point_id,
    restore_point_name,
)
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.wal import SEGMENT_SIZE, Segment
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace
from clmdeploy.model.value import sha256_hex


class Seal:
    """A signer and verifier in one: the seal is the digest of purpose and data; `whose` seals are trusted by all."""

    def __init__(self, principal: str = "admin@lab", trusted: tuple[str, ...] = ("admin@lab", "other@lab")) -> None:
        self.principal = principal
        self.trusted = trusted
        self.checked = 0

    def sign(self, namespace: str, data: bytes) -> bytes:
        return f"{self.principal} {Namespace(namespace)} {sha256_hex(data)}".encode()

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        self.checked += 1
        principal = signature.decode().split(" ")[0]
        if principal not in self.trusted or signature != Seal(principal).sign(namespace, data):
            raise InvalidInput("the data is not what was signed")
        return principal


@pytest.fixture
def seal() -> Seal:
    return Seal()


@pytest.fixture
def stranger() -> Seal:
    """Signs with a key that nobody trusts."""
    return Seal("mallory@nowhere")


@dataclass(frozen=True)
class Made:
    """What is told of a point that a test makes: when, its type, and the points that it stands on."""

    at: datetime
    type: Literal["full", "diff", "incr"] = "full"
    on: tuple[RestorePoint, ...] = ()
    segment: int = 2
    files: int = 1


BEGIN = datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)  # a Monday


def make_point(made: Made | datetime = BEGIN) -> RestorePoint:
    """A point of environment `lab`, completed a minute after `at`; its snapshots stand alone, its backup on others."""
    made = made if isinstance(made, Made) else Made(made)
    point_id = new_point_id(made.at, "b7fc")
    return RestorePoint(
        id=point_id, environment="lab", environment_id="uuid-of-lab", created=made.at,
        completed=made.at + timedelta(minutes=1), reason="nightly", who="admin@lab", release="1.2.0-0123abcd",
        schema_version=12, config_digest="c" * 64, database=_database(made, point_id), files=_files(made),
    )  # fmt: skip


def _database(made: Made, point_id: str) -> DatabasePart:
    start = made.segment * SEGMENT_SIZE
    lsns = [f"{at >> 32:X}/{at & 0xFFFFFFFF:X}" for at in (start + 40, start + 256, start + SEGMENT_SIZE + 80)]
    segment = Segment(1, made.segment).name
    named = NamedPoint(name=restore_point_name(point_id), lsn=lsns[2])
    stands_on = {name for each in made.on for name in (*each.database.references, each.database.label)}
    return DatabasePart(
        engine="pgbackrest", repository="clm", label=label_of(made), type=made.type,
        references=tuple(sorted(stands_on)),
        system_id="7400000000000000001", timeline=1, size=2_000_000_000, stored=1_000_000,
        wal=WalSpan(start=segment, stop=segment, named=named, lsn_start=lsns[0], lsn_stop=lsns[1]),
        counters=Counters(inserted=10, updated=5, deleted=1),
    )  # fmt: skip


def label_of(made: Made) -> str:
    """As pgBackRest names it: the full backup, then time and type of this one."""
    if made.type == "full":
        return f"{made.at:%Y%m%d-%H%M%S}F"
    full = min((made.on[0].database.label, *made.on[0].database.references))
    return f"{full}_{made.at:%Y%m%d-%H%M%S}{made.type[0].upper()}"


def _files(made: Made) -> tuple[FilesPart, ...]:
    snapshots = [sha256_hex(f"{made.at} {number}".encode()) for number in range(made.files)]
    return tuple(
        FilesPart(host=f"app{number}", path="/srv/clm", repository=f"app{number}", snapshot=name, files=5, bytes=99)
        for number, name in enumerate(snapshots, 1)
    )


def listed(*points: RestorePoint) -> tuple[Listed, ...]:
    """What the engines list when these points are all that was stored."""
    found = []
    for point in points:
        found.append(Listed(holding=point.database.holding, references=point.database.references, point=point.id))
        found.extend(Listed(holding=part.holding, point=point.id) for part in point.files)
    return tuple(found)
