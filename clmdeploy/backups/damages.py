"""Whom an object that is not as it was stored belongs to: which backups, snapshots or segment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from clmdeploy.backups.parts import Part, StorageMap, segment_of
from clmdeploy.backups.pgbackrest_names import history_timeline
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.spoiling import Damage
from clmdeploy.backups.verification import Reading


@dataclass(frozen=True)
class Found:
    """A reading that is not sound. Without `damage` it spoils no point: something else serves in its place."""

    part: Part
    reading: Reading
    damage: Damage | None = None


@dataclass(frozen=True)
class Owners:
    """What is needed to tell whose an object is."""

    layout: StorageMap
    points: tuple[RestorePoint, ...]
    sound: Collection[str] = ()
    """keys of the second copies that were found sound"""

    def found(self, part: Part, reading: Reading, names: tuple[str, ...] | None = None) -> Found:
        """`names`: snapshots that a pack has to do with, where that is known."""
        told = self._names(part, reading.key) if names is None else names
        if told is None:
            return Found(part, reading)
        damages = [self._damage(part, one, reading, told) for one in self._repositories(part)]
        return Found(part, reading, damages[0] if damages else None)

    def _damage(self, part: Part, repository: str, reading: Reading, names: tuple[str, ...]) -> Damage:
        segment = segment_of(reading.key) if part.kind == "log" else None
        return Damage(
            engine=part.engine, repository=repository, key=reading.key, cause=reading.cause or reading.result,
            names=names, segment=segment.segment if segment else "",
            timeline=(_timeline_of(reading.key) or 0) if part.kind == "info" else 0,
        )  # fmt: skip

    def _repositories(self, part: Part) -> Iterable[str]:
        """As points call it: a file repository is known by its host."""
        if part.engine != "restic":
            return (part.repository,)
        told = {
            one.repository for point in self.points for one in point.files if host_of(one.repository) == part.repository
        }
        return sorted(told) or (part.repository,)

    def _names(self, part: Part, key: str) -> tuple[str, ...] | None:
        """Backups or snapshots; empty: all of the repository; None: no point needs it."""
        name = key.rsplit("/", 1)[-1]
        match part.kind:
            case "backup":
                return None if self._served_by_other(key) else (part.name,)
            case "info":
                return self._of_info(key, name)
            case "log":
                segment = segment_of(key)
                return None if segment is None or segment.partial else ()
            case "files":
                return (name,) if "/snapshots/" in key else ()
            case "dump":
                return (part.name,)
        return ()

    def _of_info(self, key: str, name: str) -> tuple[str, ...] | None:
        if key in {one for pair in self.layout.info_keys() for one in pair}:
            return None if self._served_by_other(key) else ()
        timeline = _timeline_of(name)  # else it is the history of manifests, which nothing is restored from
        needed = any(one.database.timeline == timeline for one in self.points)
        return () if timeline is not None and needed else None

    def _served_by_other(self, key: str) -> bool:
        """The engine keeps two of these, and takes the other."""
        if not key.removesuffix(".copy").endswith((".info", "/backup.manifest")):
            return False
        other = key.removesuffix(".copy") if key.endswith(".copy") else f"{key}.copy"
        return other in self.sound


def _timeline_of(key: str) -> int | None:
    return history_timeline(key.rsplit("/", 1)[-1].partition("-")[0])


def host_of(repository: str) -> str:
    """The host whose files a repository has, by what points call it."""
    return repository.rstrip("/").rsplit("/", 1)[-1]
