"""What an object of the backup storage is, by its key: which part of which repository, and what its name says of it.

A part has a ledger of its own (`verification`): a backup, a directory of log, a sixteenth of the files of a host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from clmdeploy.backups.pgbackrest_names import ARCHIVE, LABEL, StoredWal, stored_wal
from clmdeploy.backups.point import is_point_id
from clmdeploy.backups.restic_order import HOST

Kind = Literal["info", "backup", "log", "files", "packs", "dump"]
"""info: what the whole database repository needs · backup: one backup · log: one directory of segments ·
files: what a whole file repository needs · packs: some of its data · dump: one dump"""
_PACK = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOLDER = re.compile(r"[0-9A-F]{16}", re.ASCII)
DUMP_MANIFEST = "manifest.json"
UNPACKERS = {".zst": "zstd", ".gz": "gzip", ".lz4": "lz4", ".bz2": "bzip2", "": ""}


@dataclass(frozen=True, order=True)
class Part:
    """`repository`: stanza, or host of the files or dumps; `name`: of the backup, directory, dump."""

    kind: Kind
    repository: str
    name: str = ""

    def __str__(self) -> str:
        """What its ledger is called."""
        return "/".join(one for one in (self.kind, self.repository, self.name) if one)

    @property
    def engine(self) -> Literal["pgbackrest", "pgdump", "restic"]:
        if self.kind in ("files", "packs"):
            return "restic"
        return "pgdump" if self.kind == "dump" else "pgbackrest"


@dataclass(frozen=True)
class StorageMap:
    """Where in the bucket the engines' repositories lie; prefixes without a slash at either end."""

    stanza: str
    database: str = "pgbackrest"
    files: str = "restic"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Of all that is read, each with a slash at its end."""
        archive = f"{self.database}/archive/{self.stanza}/"
        return f"{self.database}/backup/{self.stanza}/", archive, f"{self.files}/"

    def part_of(self, key: str) -> Part | None:
        """None for what is no part of a backup: locks, and what somebody else put there."""
        for prefix, found in ((self.database, self._database), (self.files, _files)):
            if key.startswith(f"{prefix}/"):
                return found(key[len(prefix) + 1 :].split("/"))
        return None

    def in_repository(self, key: str) -> str:
        """As pgBackRest calls it: below its repository's path."""
        return key.removeprefix(f"{self.database}/")

    def backup_key(self, label: str, file: str) -> str:
        return f"{self.database}/backup/{self.stanza}/{label}/{file}"

    def info_keys(self) -> tuple[tuple[str, str], ...]:
        """What the whole database repository needs: of each two, either."""
        places = (f"backup/{self.stanza}/backup.info", f"archive/{self.stanza}/archive.info")
        return tuple((f"{self.database}/{one}", f"{self.database}/{one}.copy") for one in places)

    def history_key(self, archive: str, timeline: int) -> str:
        """What tells where a timeline comes from; the first one has none. `archive`: like 17-1."""
        return f"{self.database}/archive/{self.stanza}/{archive}/{timeline:08X}.history"

    def snapshot_key(self, host: str, snapshot: str) -> str:
        return f"{self.files}/{host}/snapshots/{snapshot}"

    def dump_key(self, host: str, dump: str, file: str) -> str:
        return f"{self.files}/{host}/pgdump/{dump}/{file}"

    def whole_files_key(self, host: str) -> str:
        """Under which the ledger has the structure of a file repository: no object is called so."""
        return f"{self.files}/{host}/"

    def _database(self, names: list[str]) -> Part | None:
        match names:
            case ["backup", self.stanza, label, *rest] if rest and LABEL.fullmatch(label):
                return Part("backup", self.stanza, label)
            case ["archive", self.stanza, archive, folder, _] if ARCHIVE.fullmatch(archive) and _FOLDER.fullmatch(
                folder
            ):
                return Part("log", self.stanza, f"{archive}/{folder}")
            case ["backup" | "archive", self.stanza, *rest] if rest:
                return Part("info", self.stanza)
        return None


def segment_of(key: str) -> StoredWal | None:
    """The segment of log that an object holds, if it is one."""
    return stored_wal(key.rsplit("/", 1)[-1])


def digest_in_name(part: Part, key: str) -> str | None:
    """SHA-256 of an object's content where its name says it: all of restic's but its configuration, parts of dumps."""
    name = key.rsplit("/", 1)[-1]
    return name if part.engine in ("restic", "pgdump") and _PACK.fullmatch(name) else None


def is_rewritten(key: str) -> bool:
    """Whether its engine writes it anew each time: another content is no damage."""
    return key.rsplit("/", 1)[-1].removesuffix(".copy") in ("backup.info", "archive.info")


def _files(names: list[str]) -> Part | None:
    match names:
        case [host, "data", folder, name] if HOST.fullmatch(host) and name.startswith(folder) and _PACK.fullmatch(name):
            return Part("packs", host, name[0])
        case [host, "keys" | "snapshots" | "index", _] | [host, "config"] if HOST.fullmatch(host):
            return Part("files", host)
        case [host, "pgdump", dump, _] if HOST.fullmatch(host) and is_point_id(dump):
            return Part("dump", host, dump)
    return None
