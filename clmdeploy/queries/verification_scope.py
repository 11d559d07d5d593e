"""Which parts of the repositories a verification looks at, and what must be there before any manifest tells of more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clmdeploy.backups.parts import DUMP_MANIFEST, Part, StorageMap
from clmdeploy.backups.pgbackrest_info import StanzaInfo
from clmdeploy.backups.point import RestorePoint
from clmdeploy.queries.inventory import Inventory, Needs


@dataclass(frozen=True)
class Scope:
    """`points`: all that there are. `chosen`: those to look at; None: everything that is stored, whoever needs it."""

    layout: StorageMap
    points: tuple[RestorePoint, ...]
    chosen: tuple[RestorePoint, ...] | None = None
    standalone: frozenset[str] = frozenset()
    """IDs of points of which only the log that makes them consistent is kept"""

    @property
    def judged(self) -> tuple[RestorePoint, ...]:
        """The points that a verdict is given on."""
        return self.points if self.chosen is None else self.chosen

    @property
    def needs(self) -> Needs:
        return Needs(self.layout, self.points)

    def parts(self, inventory: Inventory, info: StanzaInfo | None) -> list[Part]:
        """Also those of which nothing is there any more. What a killed backup left is none: no point needs it."""
        known = None if info is None else self.needs.labels.union(one.label for one in info.backups)
        wanted = None if self.chosen is None else Needs(self.layout, self.chosen)
        parts = sorted({*inventory.parts, *self._needed()})
        kept = [part for part in parts if part.kind != "backup" or known is None or part.name in known]
        kept = [part for part in kept if part.kind != "dump" or self.needs.covers(part)]
        return [part for part in kept if wanted is None or wanted.covers(part)]

    def must(self, part: Part, histories: frozenset[str] = frozenset()) -> frozenset[str]:
        """Keys. `histories`: those of the points' timelines."""
        needs, layout = self.needs, self.layout
        match part.kind:
            case "info" if needs.labels:
                return histories.union(key for pair in layout.info_keys() for key in pair)
            case "backup" if part.name in needs.labels:
                return frozenset(layout.backup_key(part.name, f"backup.manifest{copy}") for copy in ("", ".copy"))
            case "dump":
                return frozenset({layout.dump_key(part.repository, part.name, DUMP_MANIFEST)})
            case "files":
                place = layout.whole_files_key(part.repository)
                return frozenset({f"{place}config", *(one for one in needs.snapshots if one.startswith(place))})
        return frozenset()

    def _needed(self) -> Iterator[Part]:
        needs, stanza = self.needs, self.layout.stanza
        yield from (Part("backup", stanza, label) for label in needs.labels)
        yield from (Part("files", host) for host in needs.hosts)
        yield from (Part("dump", host, name) for host, name in needs.dumps)
        if needs.labels:
            yield Part("info", stanza)
