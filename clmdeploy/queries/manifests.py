"""What pgBackRest's own files say of a backup's objects: decrypted on the backup host, read as a stream here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.parts import StorageMap
from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.pgbackrest_infofile import is_whole
from clmdeploy.backups.pgbackrest_manifest import ManifestReader
from clmdeploy.hostside.acts.reading import DAMAGED, PIECE
from clmdeploy.model.errors import NothingChanged, VerificationFailed
from clmdeploy.queries.stored_objects import Output, StoredObjects

LARGEST_INFO = 64 * 1024 * 1024  # bytes


@dataclass
class Told:
    """Of one part. `pieces`: key → digests of its parts, packed; `faults`: key → what is wrong with its content."""

    pieces: dict[str, bytearray] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    is_known: bool = True
    """false: neither manifest could be read, so that missing objects can't be told"""


@dataclass(frozen=True)
class Manifests:
    """Of one stanza. Raises NothingChanged when the backup host or the storage does not serve."""

    objects: StoredObjects
    engine: Pgbackrest
    layout: StorageMap

    def of_backup(self, label: str, due: frozenset[str]) -> Told:
        """The manifest and its copy: both where they are due, else the first that is sound."""
        told, found = Told(), False
        for name in ("backup.manifest", "backup.manifest.copy"):
            key = self.layout.backup_key(label, name)
            if found and key not in due:
                continue
            try:
                pieces = self._pieces(label, key)
            except (VerificationFailed, Unintelligible) as error:
                told.faults[key] = error.message
                continue
            told.pieces, found = pieces if not found else told.pieces, True
        told.is_known = found
        return told

    def of_info(self, due: frozenset[str]) -> Told:
        """The small files that all of the repository needs."""
        told = Told()
        for key in sorted(due.intersection(one for pair in self.layout.info_keys() for one in pair)):
            output = self._fetched(key)
            body = output.whole(LARGEST_INFO)
            fault = self._ending(output) or ("" if is_whole(body) else words.OTHER_CHECKSUM)
            if fault:
                told.faults[key] = fault
        return told

    def _pieces(self, label: str, key: str) -> dict[str, bytearray]:
        """Only those that lie in this backup itself: of others, their own manifests tell."""
        output, found = self._fetched(key), dict[str, bytearray]()
        reader = ManifestReader(self.engine.stanza, label)
        try:
            for piece in reader.pieces(output):
                if piece.owner == label:
                    packed = found.setdefault(f"{self.layout.database}/{piece.key}", bytearray())
                    if piece.sha1:
                        packed += PIECE.pack(piece.offset, piece.length, bytes.fromhex(piece.sha1))
        except (VerificationFailed, Unintelligible):
            output = self._fetched(key)
            deque(output, 0)  # how it ends is known behind its last word
            fault = self._ending(output)
            if fault:
                raise VerificationFailed(fault) from None
            raise
        return found

    def _fetched(self, key: str) -> Output:
        return self.objects.said(self.engine.fetch(self.layout.in_repository(key)))

    def _ending(self, output: Output) -> str:
        """Why it could not be decrypted; empty when it was. Raises NothingChanged when that says nothing of it."""
        completed = output.completed
        if completed is None or completed.code == 0:
            return ""
        if completed.code in DAMAGED:
            return words.not_unpacked(completed.stderr.decode(errors="replace")[-200:])
        ending = self.engine.ending(completed)
        raise NothingChanged(ending.words, ending.remedy)
