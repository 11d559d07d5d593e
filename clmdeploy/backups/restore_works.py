"""The engines' works of a restore: is all there that it needs, the database laid down, trees of files put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from clmdeploy.backups import pgbackrest_exit
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.engine import Ending, Progress
from clmdeploy.backups.host_files import DATABASE, JOBS, files_on_host, stanza_on_backup_host
from clmdeploy.backups.output import shown
from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.pgbackrest_listing import BLANKS, Entry, read_entries, wal_in
from clmdeploy.backups.pgbackrest_recovery import DatabaseRestore, Target, path
from clmdeploy.backups.point import Lsn, SegmentName
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.restic_order import FilesRestore
from clmdeploy.backups.restic_output import Summary, faults, summary
from clmdeploy.backups.target_words import history_lacks, log_lacks, snapshot_lacks, too_long, unfit
from clmdeploy.backups.wal import SEGMENT_SIZE, Fork, Gap, Segment, gaps, needed
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, Work, WorkFailed, refuse_unsuccessful
from clmdeploy.model.bilingual import joined

CLIENT_CONFIG = "/etc/pgbackrest/pgbackrest.conf"
LISTING = 32 * 1024 * 1024  # bytes of a listing that are told whole
MOST_DIRECTORIES = 200  # of the archive, each of 256 segments; for more of them all of it is listed
TREE_OUTPUT = 256 * 1024  # bytes of restic's output that are told whole: progress, and the summary at its end
# pg_control goes first and comes back last (command/restore/restore.c)
_LOOK = ("global/pg_control", "backup.manifest", "backup_label", "recovery.signal", "standby.signal")


class Goal(Asked):
    """A recovery target as it stands in a plan."""

    kind: Literal["default", "immediate", "lsn", "time", "name", "standby"]
    text: str | None = None
    moment: AwareDatetime | None = None
    timeline: int | None = None

    @classmethod
    def of(cls, target: Target) -> Goal:
        value = target.value
        return cls(
            kind=target.kind, timeline=target.timeline, text=value if isinstance(value, str) else None,
            moment=value if not isinstance(value, str) else None,
        )  # fmt: skip

    @property
    def target(self) -> Target:
        return Target(self.kind, self.moment or self.text, self.timeline)


class _Span(Asked):
    """A backup, and the log from its start to where recovery ends."""

    stanza: str
    label: str
    start: SegmentName
    until: SegmentName
    segment_size: int = SEGMENT_SIZE
    history: tuple[tuple[int, Lsn], ...] = ()
    tells: bool = False
    """whether log that lacks is told, and no failure"""

    @property
    def engine(self) -> Pgbackrest:
        return stanza_on_backup_host(self.stanza)

    @property
    def history_files(self) -> tuple[str, ...]:
        """What leads recovery onto the timeline of its end; the first timeline has none."""
        timeline = Segment.named(self.until, self.segment_size).timeline
        return (f"{timeline:08X}.history",) if timeline > 1 else ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        first, last = (Segment.named(name, self.segment_size) for name in (self.start, self.until))
        return tuple(needed(first, last, [Fork(timeline, lsn) for timeline, lsn in self.history]))


class Restorable(Repeatable):
    """The backup is listed and sound, and no segment of the log lacks that recovery will read."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Span.model_validate(arguments)
        directories = sorted({segment.name[:16] for segment in asked.segments})
        wanted = [*directories, *asked.history_files]
        only = f"({'|'.join(wanted)})" if len(directories) <= MOST_DIRECTORIES else ""
        log = asked.engine.entries(f"archive/{asked.stanza}", recurse=True, only=only)
        return tuple(
            replace(one, user=JOBS, keep=LISTING) for one in (asked.engine.listing(), replace(log, blanks=BLANKS))
        )

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Span.model_validate(arguments)
        for one in completed:
            refuse_unsuccessful(one, asked.engine.ending(one), "pgBackRest")
        backups = {one.label: one for one in asked.engine.read_listing(completed[0].stdout)}
        if asked.label not in backups or backups[asked.label].is_spoiled:
            raise WorkFailed(*unfit(asked.label, asked.label in backups))
        if completed[1].cut:
            raise WorkFailed(*too_long(len(asked.segments)))
        entries = read_entries(completed[1].stdout)
        there = {path.rsplit("/", 1)[-1] for path in entries}
        lost = [name for name in asked.history_files if name not in there]
        present = {wal.segment for wal in wal_in(entries) if not wal.partial}
        lacking = gaps(asked.segments, present)
        if asked.tells:
            return {"whole": not lost and not lacking}
        if lost:
            raise WorkFailed(*history_lacks(lost[0]))
        if lacking:
            raise WorkFailed(*log_lacks(lacking, _stored_before(lacking[0], asked.segments, entries)))
        return {"segments": len(asked.segments)}


def _stored_before(gap: Gap, wanted: Sequence[Segment], entries: Mapping[str, Entry]) -> datetime | None:
    """When the segment before the gap was stored: until about then any moment can be reached."""
    before = [segment.name for segment in wanted if segment.number < gap.first.number]
    times = [
        entry.time for path, entry in entries.items()
        if before and entry.time is not None and path.rsplit("/", 1)[-1].startswith(before[-1])
    ]  # fmt: skip
    return datetime.fromtimestamp(max(times), UTC) if times else None


class _Database(Asked):
    stanza: str
    processes: int = 2
    label: str
    goal: Goal
    data: str
    side: str = ""
    databases: tuple[str, ...] = ()

    @property
    def engine(self) -> Pgbackrest:
        return Pgbackrest(self.stanza, CLIENT_CONFIG, self.processes)

    @property
    def place(self) -> str:
        return path(self.side or self.data)


class RestoreDatabase:
    """The files of a cluster as they were in one backup, and where its recovery shall end. It may be done again."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Database.model_validate(arguments)
        side = f"{asked.side}-tablespaces" if asked.side else ""
        order = DatabaseRestore(
            asked.label, asked.goal.target, side_path=asked.side, side_tablespaces=side, databases=asked.databases
        )
        return (replace(asked.engine.restore(order), user=DATABASE, shows="%)"),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Database.model_validate(arguments)
        refuse_unsuccessful(completed[0], pgbackrest_exit.ending(completed[0]), "pgBackRest")
        return {"label": asked.label}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        place = _Database.model_validate(arguments).place
        files = (f"{place}/{name}" for name in _LOOK)
        return (Command(("stat", "--printf=%n\\n", "--", *files), 60, {"LC_ALL": "C"}, user=DATABASE),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """pg_control goes first and comes back last; until then backup.manifest lies there. backup_label tells what
        was laid down and has not started since: a standby that runs has the same signal as one that was restored.
        """
        asked = _Database.model_validate(arguments)
        present = {line.removeprefix(f"{asked.place}/") for line in completed[0].stdout.decode().splitlines()}
        if "backup.manifest" in present or "global/pg_control" not in present:
            return {"state": "partial"}
        signal = "standby.signal" if asked.goal.kind == "standby" else "recovery.signal"
        laid_down = {signal, "backup_label"} <= present
        return {"state": "done", "label": asked.label} if laid_down else {"state": "not-done"}

    def progress(self, arguments: Arguments, line: bytes) -> Progress | None:
        return _Database.model_validate(arguments).engine.progress(line)


class Tree(Asked):
    """One path of one snapshot."""

    path: str
    snapshot: str


class _Trees(Asked):
    repository: str
    host: str
    trees: Annotated[tuple[Tree, ...], Field(min_length=1, max_length=200)]
    side: str = ""

    @property
    def engine(self) -> Restic:
        return files_on_host(self.repository, self.host)


class RestoreFiles(Repeatable):
    """Trees back where they were, exactly, or below a directory beside. A second time only mends what is not equal."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Trees.model_validate(arguments)
        orders = [FilesRestore(tree.snapshot, tree.path, asked.side) for tree in asked.trees]
        status = '"message_type":"status"'
        return tuple(replace(asked.engine.restore(one), shows=status, keep=TREE_OUTPUT) for one in orders)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Trees.model_validate(arguments)
        for one in completed:
            _refuse_incomplete(one, asked.engine.ending(one))
        told = [summary(one.stdout) for one in completed]
        return {"trees": [_tree(tree, found) for tree, found in zip(asked.trees, told, strict=True)]}

    def state(self, _arguments: Arguments, _completed: Sequence[Completed]) -> Found:
        """Nobody can tell without reading all of it: it may have begun."""
        return {"state": "partial"}

    def progress(self, arguments: Arguments, line: bytes) -> Progress | None:
        return _Trees.model_validate(arguments).engine.progress(line)


class FilesRestorable(Repeatable):
    """The repository has every snapshot that will be put back."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (replace(_Trees.model_validate(arguments).engine.listing(), keep=LISTING),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Trees.model_validate(arguments)
        refuse_unsuccessful(completed[0], asked.engine.ending(completed[0]), "restic")
        listed = {one.id for one in asked.engine.read_listing(completed[0].stdout)}
        for tree in asked.trees:
            if tree.snapshot not in listed:
                raise WorkFailed(*snapshot_lacks(shown(tree.path), tree.snapshot))
        return {"snapshots": len(asked.trees)}


def _refuse_incomplete(completed: Completed, ending: Ending) -> None:
    """Which files could not be written stands in what restic said meanwhile."""
    told = [fault.words for fault in faults(completed.stderr)[:5]]
    if completed.code != 0 and told:
        raise WorkFailed(joined("; ", [ending.words, *told]), ending.remedy)
    refuse_unsuccessful(completed, ending, "restic")


def _tree(tree: Tree, told: Summary) -> Found:
    return {"path": shown(tree.path), "files": told.total_files, "bytes": told.total_bytes}


WORKS: Mapping[str, Work] = {
    "pgbackrest-restorable": Restorable(),
    "pgbackrest-restore": RestoreDatabase(),
    "restic-restorable": FilesRestorable(),
    "restic-restore": RestoreFiles(),
}
