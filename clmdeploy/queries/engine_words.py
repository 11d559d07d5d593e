"""What the engines themselves say of their repositories, asked on the backup host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.pgbackrest_info import StanzaInfo, read_info
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.restic_output import snapshots_of_data
from clmdeploy.backups.verification import Object, Read
from clmdeploy.model.errors import NothingChanged
from clmdeploy.queries.stored_objects import StoredObjects

LARGEST_ANSWER = 64 * 1024**2  # bytes


@dataclass(frozen=True)
class EngineWords:
    """`files`: host → its repository as the backup host reaches it. Raises NothingChanged when that does not serve."""

    objects: StoredObjects
    database: Pgbackrest
    files: Callable[[str], Restic]

    def stanza(self) -> StanzaInfo | None:
        """None where pgBackRest's own files are too damaged to tell."""
        completed = self._completed(self.database.listing())
        if completed.code != 0:
            ending = self.database.ending(completed)
            raise NothingChanged(ending.words, ending.remedy)
        try:
            return read_info(completed.stdout, self.database.stanza)
        except Unintelligible:
            return None

    def structure(self, host: str, whole: Object, now: datetime) -> Read:
        """Whether index, trees and packs of a file repository fit together, as a reading of all of it."""
        engine = self.files(host)
        found = engine.findings(self._completed(engine.verify()))
        fault = found[0].words if found else ""
        return Read(object=whole, at=now, bytes=whole.size, sha256=whole.etag, fault=fault)

    def snapshots_of(self, host: str, pack: str) -> tuple[str, ...]:
        """IDs of all that need this pack; empty where that can't be told for sure: then all of the repository may."""
        completed = self._completed(self.files(host).whose(pack))
        return snapshots_of_data(completed.stdout) if completed.code == 0 else ()

    def _completed(self, command: Command) -> Completed:
        output = self.objects.said(command)
        said = output.whole(LARGEST_ANSWER)
        ended = output.completed or Completed(-1)
        return Completed(ended.code, said, ended.stderr)
