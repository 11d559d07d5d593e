"""pgBackRest's works on the backup host that make a restore point: check, back up, wait for the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from clmdeploy.backups import pgbackrest_exit
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Weight, defects_of
from clmdeploy.backups.engine import Progress
from clmdeploy.backups.host_files import JOBS, stanza_on_backup_host
from clmdeploy.backups.pgbackrest import DatabaseBackup, Pgbackrest
from clmdeploy.backups.pgbackrest_backup import Backup
from clmdeploy.backups.pgbackrest_info import StanzaInfo, read_info
from clmdeploy.backups.wal import Segment
from clmdeploy.backups.work import Arguments, Asked, Found, OfPoint, Repeatable, WorkFailed, refuse_unsuccessful
from clmdeploy.backups.work_results import CheckFound, DatabaseFound, PointFound, only, results_of
from clmdeploy.model.bilingual import Bilingual, joined, russian

LISTING = 32 * 1024 * 1024  # bytes of `info` that are told whole
WAL_PATIENCE = 600.0  # seconds until the log has come
MOST_SEGMENTS = 4096
PATIENCE = 90.0  # seconds; a database host notices after half a minute that a backup host has lost its power
_PASSING = (50, 56)
"""the database host's side of a backup that was cut off still holds its lock: no primary is found then"""
_ANNOTATION = "clm-point"
_SOUND = (0, 2)


class _Stanza(Asked):
    stanza: str
    processes: int = 2

    @property
    def engine(self) -> Pgbackrest:
        return stanza_on_backup_host(self.stanza, self.processes)

    def listing(self) -> Command:
        return replace(self.engine.listing(), user=JOBS, keep=LISTING)

    def info(self, completed: Completed) -> StanzaInfo:
        refuse_unsuccessful(completed, self.engine.ending(completed), "pgBackRest")
        return read_info(completed.stdout, self.stanza)


class Check(Repeatable):
    """Version, repository, and the whole way of the log from the database into the storage."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Stanza.model_validate(arguments)
        version, _, check = asked.engine.preflight()
        return (replace(version, user=JOBS), asked.listing(), replace(check, user=JOBS))

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Stanza.model_validate(arguments)
        for one in completed[:1]:
            refuse_unsuccessful(one, asked.engine.ending(one), "pgBackRest")
        release = asked.engine.read_version(completed[0].stdout)
        _refuse_defective(release)
        info = asked.info(completed[1])  # says more than `check` of a repository that is not there
        if info.status.code not in _SOUND:
            raise WorkFailed(info.words)
        _refuse_running(info)
        refuse_unsuccessful(completed[2], asked.engine.ending(completed[2]), "pgBackRest")
        size = max((one.info.size for one in info.backups[-1:]), default=0)
        return {"version": ".".join(map(str, release)), "backups": len(info.backups), "size": size}


class _Backup(_Stanza, OfPoint):
    type: Literal["full", "diff", "incr"]

    @property
    def order(self) -> DatabaseBackup:
        return DatabaseBackup(self.type, self.point)


class TakeBackup:
    """The database backup of a point, found again by the point's ID, which is noted on it."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Backup.model_validate(arguments)
        backup = replace(asked.engine.backup(asked.order), user=JOBS, shows="%)", again=_PASSING, patience=PATIENCE)
        return (backup, asked.listing())

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Backup.model_validate(arguments)
        refuse_unsuccessful(completed[0], asked.engine.ending(completed[0]), "pgBackRest")
        info = asked.info(completed[1])
        backup = _of_point(info, asked.point)
        if backup is None:
            raise WorkFailed(_unlisted(asked.point, info))
        return _found(info, backup)

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Backup.model_validate(arguments).listing(),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Backup.model_validate(arguments)
        info = asked.info(completed[0])
        backup = _of_point(info, asked.point)
        if backup is None:
            return {"state": "partial" if info.is_running else "not-done"}
        return {"state": "done", **_found(info, backup)}

    def progress(self, arguments: Arguments, line: bytes) -> Progress | None:
        asked = _Backup.model_validate(arguments)
        found = results_of(CheckFound, arguments, "check-database").values()
        return asked.engine.progress(line, max((one.size for one in found), default=0))


class Archived(Repeatable):
    """All of the log from the end of the backup to the named point is in the repository."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Stanza.model_validate(arguments)
        backup, segments = _log_of(arguments)
        directories: dict[str, list[str]] = {}
        for segment in segments:
            directories.setdefault(segment.name[:16], []).append(f'"{segment.name}-')
        return tuple(
            replace(
                asked.engine.entries(f"archive/{asked.stanza}/{backup.archive}/{directory}"),
                user=JOBS, timeout=WAL_PATIENCE, awaits=tuple(names),
            )
            for directory, names in directories.items()
        )  # fmt: skip

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        segments = _log_of(arguments)[1]
        for one in completed:
            if one.late:
                raise WorkFailed(_not_archived(one), pgbackrest_exit.remedy(82))
            refuse_unsuccessful(one, pgbackrest_exit.ending(one), "pgBackRest")
        return {"segment": segments[-1].name, "segments": len(segments)}


def _log_of(arguments: Arguments) -> tuple[DatabaseFound, tuple[Segment, ...]]:
    """What must be there, in order. Raises WorkFailed where the named point does not follow the backup."""
    backup = only(DatabaseFound, arguments, "database")
    named = only(PointFound, arguments, "named-point")
    first = Segment.named(backup.wal_stop, named.segment_size)
    last = Segment.ending_at(named.timeline, named.lsn, named.segment_size)
    if (backup.timeline, backup.system_id) != (named.timeline, named.system_id) or last < first:
        raise WorkFailed(
            Bilingual(
                f"the backup ended in {first.name}, the named point is in {last.name}: the primary changed meanwhile",
                f"копия закончилась в {first.name}, именованная точка в {last.name}: основной сервер сменился",
            ),
            _AGAIN,
        )
    count = last.number - first.number + 1
    if count > MOST_SEGMENTS:
        raise WorkFailed(
            Bilingual(f"{count} segments of log since the backup ended", f"после копии записано сегментов: {count}"),
            _AGAIN,
        )
    span = range(first.number, last.number + 1)
    return backup, tuple(Segment(first.timeline, number, first.size) for number in span)


def _refuse_defective(release: tuple[int, ...]) -> None:
    grave = [one for one in defects_of("pgbackrest", release) if one.weight is Weight.REFUSE]
    if grave:
        raise WorkFailed(joined("; ", (one.words for one in grave)))


def _refuse_running(info: StanzaInfo) -> None:
    if info.is_running:
        raise WorkFailed(
            Bilingual(
                "another backup of this stanza runs on the backup host",
                "на узле резервного копирования уже идёт другое копирование этого раздела",
            ),
            pgbackrest_exit.remedy(50),
        )


def _of_point(info: StanzaInfo, point: str) -> Backup | None:
    """The newest, where a try that was cut off left an older one."""
    noted = [one for one in info.backups if one.annotation.get(_ANNOTATION) == point]
    return noted[-1] if noted else None


def _found(info: StanzaInfo, backup: Backup) -> Found:
    """Raises WorkFailed for a backup that can't be restored from."""
    faults = list(_faults(backup))
    if faults:
        raise WorkFailed(joined("; ", faults))
    assert backup.lsn is not None and backup.archive.stop is not None  # noqa: S101, PT018  # _faults has looked
    database = next(one for one in info.databases if one.id == backup.database.id)
    archive = next(one for one in info.archives if one.database.id == backup.database.id)
    return {
        "label": backup.label, "type": backup.kind, "references": list(backup.needs),
        "lsn_start": backup.lsn.start, "lsn_stop": backup.lsn.stop,
        "wal_start": backup.archive.start, "wal_stop": backup.archive.stop, "timeline": backup.timeline,
        "size": backup.info.size, "stored": backup.stored,
        "system_id": str(database.system_id), "archive": archive.id,
    }  # fmt: skip


def _faults(backup: Backup) -> Iterator[Bilingual]:
    name = backup.label
    if backup.is_spoiled:
        yield Bilingual(
            f"{name}: pages of the database had wrong checksums when it was taken: see pgbackrest info --set={name}",
            f"{name}: у страниц базы неверные контрольные суммы: см. pgbackrest info --set={name}",
        )
    if backup.lsn is None or not backup.archive.start or not backup.archive.stop:
        yield Bilingual(f"{name}: it tells no log that it needs", f"{name}: не указан нужный журнал")
    if backup.info.size == 0 or backup.stored == 0:
        yield Bilingual(f"{name}: it is empty", f"{name}: копия пуста")


def _unlisted(point: str, info: StanzaInfo) -> Bilingual:
    why = info.words
    return Bilingual(
        f"pgBackRest ended well, but lists no backup for {point}: {why}",
        f"pgBackRest завершился успешно, но копии для {point} в списке нет: {russian(why)}",
    )


def _not_archived(completed: Completed) -> Bilingual:
    said = completed.stderr.decode("ascii", "replace").replace('"', "").replace("-,", ",").rstrip("-")[:200]
    return Bilingual(
        f"the log did not come into the repository within {WAL_PATIENCE:.0f} s: {said}",
        f"журнал не попал в хранилище за {WAL_PATIENCE:.0f} с: {said}",
    )


_AGAIN = Bilingual("run backup create again", "повторите backup create")
