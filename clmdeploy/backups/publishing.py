"""From what the steps of a restore point have found to its manifest, which is written last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from clmdeploy.backups.catalogue import Catalogue
from clmdeploy.backups.point import (
    DatabasePart,
    FilesPart,
    NamedPoint,
    RestorePoint,
    WalSpan,
    begun_at,
)
from clmdeploy.backups.standing import Author, Standing
from clmdeploy.backups.wal import Segment
from clmdeploy.backups.work import Arguments, Found, OfPoint, WorkFailed
from clmdeploy.backups.work_results import (
    ArchivedFound,
    DatabaseFound,
    DumpFound,
    FilesFound,
    MomentFound,
    PointFound,
    only,
    results_of,
)
from clmdeploy.changes.ports import Clock
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import faults_of

STEPS = ("database", "named-point", "archived", "files")
DUMP_STEPS = ("moment", "database", "files")
"""whose results are needed; `files` where there are any"""


FARTHEST = timedelta(hours=1)
"""from the named moment to the first file; clocks of hosts may differ, and the log is waited for"""


class Declared(OfPoint):
    """What the plan knows of a point."""

    environment: str
    environment_id: str
    reason: str = ""
    release: str | None = None
    schema_version: int | None = None
    schema_step: str = ""
    """step of the same change that asked for it, where it was not known before"""
    config_digest: str
    repository: str
    """the stanza, or the host that dumps"""
    engine: Literal["pgbackrest", "pgdump"] = "pgbackrest"
    repositories: dict[str, str] = {}
    """host → what its file repository is called"""
    paths: dict[str, tuple[str, ...]] = {}
    """host → trees that must be there"""
    pin: str | None = None
    """why it is to be kept"""


def restore_point(arguments: Arguments, completed: datetime, who: str) -> RestorePoint:
    """The manifest. Raises WorkFailed when a part is missing or not to be believed, InvalidInput for no results."""
    declared = Declared.model_validate(arguments)
    database = (_dump if declared.engine == "pgdump" else _backup)(declared, arguments)
    _refuse_torn(_taken(database, arguments), results_of(FilesFound, arguments, "files") if declared.paths else {})
    files = tuple(_files(declared, results_of(FilesFound, arguments, "files") if declared.paths else {}))
    try:
        return RestorePoint(
            id=declared.point, environment=declared.environment, environment_id=declared.environment_id,
            created=begun_at(declared.point), completed=completed, reason=declared.reason, who=who,
            release=declared.release, schema_version=_schema_version(declared, arguments),
            config_digest=declared.config_digest, database=database, files=files,
        )  # fmt: skip
    except ValidationError as error:
        faults = "; ".join(faults_of(error))
        raise WorkFailed(
            Bilingual(f"the parts make no point: {faults}", f"из частей точка не получается: {faults}")
        ) from error


def _schema_version(declared: Declared, arguments: Arguments) -> int | None:
    told = arguments.get("results", {}).get(declared.schema_step, {}) if declared.schema_step else {}
    asked = [int(result["version"]) for result in told.values()]
    return asked[0] if asked else declared.schema_version


def _dump(declared: Declared, arguments: Arguments) -> DatabasePart:
    dump, moment = only(DumpFound, arguments, "database"), only(MomentFound, arguments, "moment")
    if dump.label != declared.point:
        raise WorkFailed(
            Bilingual(f"the dump is that of {dump.label}", f"дамп принадлежит точке {dump.label}"),
        )
    return DatabasePart(
        engine="pgdump", repository=declared.repository, label=dump.label, type="dump", digest=dump.digest,
        system_id=moment.system_id, timeline=moment.timeline, size=dump.size, stored=dump.stored,
        counters=moment.counters,
    )  # fmt: skip


def _backup(declared: Declared, arguments: Arguments) -> DatabasePart:
    backup, named = only(DatabaseFound, arguments, "database"), only(PointFound, arguments, "named-point")
    _refuse_implausible(named, backup)
    _refuse_unarchived(named, only(ArchivedFound, arguments, "archived"))
    span = WalSpan(
        start=backup.wal_start, stop=backup.wal_stop, segment_size=named.segment_size,
        named=NamedPoint(name=named.name, lsn=named.lsn), lsn_start=backup.lsn_start, lsn_stop=backup.lsn_stop,
    )  # fmt: skip
    return DatabasePart(
        engine="pgbackrest", repository=declared.repository, label=backup.label, type=backup.type,
        references=backup.references, system_id=backup.system_id, timeline=backup.timeline, wal=span,
        size=backup.size, stored=backup.stored, counters=named.counters,
    )  # fmt: skip


def _files(declared: Declared, found: Mapping[str, FilesFound]) -> list[FilesPart]:
    """In the plan's order. Raises WorkFailed unless every tree is there, and no other."""
    parts = [
        FilesPart(
            host=host, path=tree.path, engine="restic", repository=declared.repositories[host],
            snapshot=tree.snapshot, files=tree.files, bytes=tree.bytes,
        )
        for host, told in found.items()
        for tree in told.trees
    ]  # fmt: skip
    wanted = {(host, path) for host, paths in declared.paths.items() for path in paths}
    differing = sorted(wanted ^ {(part.host, part.path) for part in parts})
    if differing:
        names = ", ".join(f"{host}:{path}" for host, path in differing[:5])
        raise WorkFailed(Bilingual(f"file trees without a snapshot: {names}", f"деревья файлов без снимка: {names}"))
    return parts


def _refuse_implausible(named: PointFound, backup: DatabaseFound) -> None:
    if backup.size * 2 < named.size:
        sizes = (backup.size, named.size)
        raise WorkFailed(
            Bilingual(
                "the backup holds {} bytes, but the database had {}".format(*sizes),
                "в копии {} байт, а в базе было {}".format(*sizes),
            )
        )


def _taken(database: DatabasePart, arguments: Arguments) -> datetime | None:
    """When the database's part was whole: a dump takes its time."""
    if database.engine == "pgdump":
        return datetime.fromtimestamp(only(DumpFound, arguments, "database").ended, UTC)
    return database.counters.at if database.counters else None


def _refuse_torn(taken: datetime | None, found: Mapping[str, FilesFound]) -> None:
    """Files follow the database at once: later ones were taken after an interruption, and belong to another day."""
    for host, told in found.items():
        begun = min((tree.at for tree in told.trees if tree.at), default=None)
        if begun and taken and begun - taken > FARTHEST:
            hours = (begun - taken).total_seconds() / 3600
            raise WorkFailed(
                Bilingual(
                    f"the files of {host} are {hours:.1f} h younger than the database: that is no point",
                    f"файлы {host} новее базы на {hours:.1f} ч: точки из этого не выйдет",
                ),
                Bilingual(
                    "take the change back, then begin it anew: it makes both again",
                    "отмените изменение и начните заново: оно сделает и то и другое",
                ),
            )


def _refuse_unarchived(named: PointFound, archived: ArchivedFound) -> None:
    last = Segment.ending_at(named.timeline, named.lsn, named.segment_size).name
    if archived.segment != last:
        raise WorkFailed(
            Bilingual(
                f"the log is stored up to {archived.segment}, the named point is in {last}",
                f"журнал сохранён до {archived.segment}, именованная точка в {last}",
            )
        )


@dataclass(frozen=True)
class PublishPoint:
    """A StoreAct: from here on the point exists. What exists already is not made again."""

    points: Catalogue
    principal: str
    clock: Clock

    def perform(self, arguments: Arguments) -> Found:
        """Publish, and pin where that is wanted."""
        declared = Declared.model_validate(arguments)
        if self.probe(arguments)["state"] != "done":
            point = restore_point(arguments, self.clock.now(), self.principal)
            self.points.publish(point)
            self.points.reindex(self.points.listing())
        if declared.pin and not self.points.get(declared.point).is_pinned:
            self._pin(declared)
        return self._told(declared.point)

    def restore(self, _arguments: Arguments) -> Found:
        """A point that exists is taken away by retention alone."""
        raise InvalidInput(Bilingual("a restore point is not unmade", "точка восстановления не отменяется"))

    def probe(self, arguments: Arguments) -> Found:
        """Whether it is in the catalogue."""
        point = Declared.model_validate(arguments).point
        return {"state": "done", **self._told(point)} if self.points.has(point) else {"state": "not-done"}

    def _told(self, point: str) -> Found:
        return {"point": point, "completed": self.points.get(point).point.completed.timestamp()}

    def _pin(self, declared: Declared) -> None:
        author = Author(by=self.principal, reason=declared.pin or "", at=self.clock.now(), nonce=declared.change)
        point = self.points.get(declared.point).point
        self.points.stand(Standing.of(point, "pinned", author, "pitr"))
