"""The archive that `change export` writes: members in a fixed order, and a manifest with the SHA-256 of each."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from clmdeploy.model.secret import REDACTED
from clmdeploy.model.value import JsonValue, Value, sha256_hex


class Gap(Value):
    """Something that belongs into an export and is not in it."""

    what: str
    cause: str


@dataclass(frozen=True)
class Member:
    """One file of the archive. `cut`: how it was shortened, empty when it is whole."""

    name: str
    content: bytes
    cut: str = ""

    @classmethod
    def of_json(cls, name: str, value: JsonValue, cut: str = "") -> Member:
        """Indented, for people."""
        return cls(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n", cut)

    @property
    def redactions(self) -> int:
        """How often something was taken out of it."""
        return self.content.count(REDACTED.encode())

    def entry(self) -> dict[str, JsonValue]:
        """As the manifest names it."""
        return {
            "name": self.name, "size": len(self.content), "sha256": sha256_hex(self.content),
            "redactions": self.redactions, "cut": self.cut,
        }  # fmt: skip


def manifest_of(about: dict[str, JsonValue], members: Sequence[Member], gaps: Sequence[Gap]) -> Member:
    """What is in the archive, and what is not though it should be."""
    listed = [one.entry() for one in sorted(members, key=lambda one: one.name)]
    missing = [one.model_dump() for one in gaps]
    stated = {"format": "export-manifest/1", **about, "members": listed, "missing": missing}
    return Member.of_json("manifest.json", stated)


def write_archive(file: BinaryIO, directory: str, members: Sequence[Member], moment: int) -> None:
    """A .tar.gz with everything below `directory`; `moment` (seconds since 1970) is the time of all members.

    The same members always give the same bytes. Nothing in it is readable by others than who unpacks it.
    """
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=moment) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in sorted(members, key=lambda one: one.name):
            entry = tarfile.TarInfo(f"{directory}/{member.name}")
            entry.size, entry.mode, entry.mtime = len(member.content), 0o600, moment
            archive.addfile(entry, io.BytesIO(member.content))
