"""pgBackRest's commands. All are built for the backup host, except `restore`, which the database host runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from clmdeploy.backups import pgbackrest_exit, pgbackrest_verify
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Release, release_in
from clmdeploy.backups.engine import Capabilities, Ending, Finding, Progress
from clmdeploy.backups.output import unintelligible
from clmdeploy.backups.pgbackrest_backup import Backup
from clmdeploy.backups.pgbackrest_info import read_info
from clmdeploy.backups.pgbackrest_log import progress_of
from clmdeploy.backups.pgbackrest_names import label, stanza
from clmdeploy.backups.pgbackrest_recovery import POINT, DatabaseRestore, checked, path, plain, relative
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

KEEP_ALL = 9999999
"""the largest count that pgBackRest takes: what goes is decided by clmdeploy's retention alone"""
HOUR = 3600.0
Kind = Literal["full", "diff", "incr"]


@dataclass(frozen=True)
class DatabaseBackup:
    """What to take.

    `point` is written into the backup, so that a repository tells its restore points without clmdeploy.
    """

    kind: Kind
    point: str
    expected: int = 0
    """bytes of the database, to tell progress from the log; 0 where unknown"""


@dataclass(frozen=True)
class Pgbackrest:
    """One stanza of one repository, by the configuration of the host where the commands run."""

    stanza: str
    config: str
    processes: int = 2
    timeout: float = 24 * HOUR
    secrets: Mapping[str, str] = field(default_factory=dict)
    """environment variable (PGBACKREST_REPO1_…) → file"""
    program: str = "pgbackrest"

    name = "pgbackrest"
    capabilities = Capabilities(
        point_in_time=True, incremental=True, encrypted=True, checksummed=True, single_items=False
    )

    def __post_init__(self) -> None:
        checked(stanza, self.stanza)

    def version(self) -> Command:
        return Command((self.program, "version", "--output=num"), 30)

    def read_version(self, said: bytes) -> Release:
        """`2055001` means 2.55.1. Raises Unintelligible."""
        text = said.decode("ascii", "replace").strip()
        if re.fullmatch(r"\d{7,9}", text, re.ASCII):
            number = int(text)
            return (number // 1_000_000, number // 1000 % 1000, number % 1000)
        found = release_in(text)
        if found is None:
            raise unintelligible("pgbackrest version", text)
        return found

    def preflight(self) -> tuple[Command, ...]:
        """`check` switches WAL and waits until it is stored: the whole way is proved. Each call costs a segment."""
        return (self.version(), self.listing(), self._command("check", "--archive-timeout=60", timeout=180))

    def create_stanza(self) -> Command:
        """Harmless where it exists; on the database's host it takes the lock that the pushing of a segment holds (50,
        told as 56 from there).
        """
        return replace(self._command("stanza-create", timeout=300), again=(50, 56), patience=20.0)

    def backup(self, order: DatabaseBackup) -> Command:
        if not POINT.fullmatch(order.point):
            raise InvalidInput(Bilingual(f"{order.point[:80]!r} names no point", f"{order.point[:80]!r}: не имя точки"))
        options = (f"--type={order.kind}", f"--annotation=clm-point={order.point}", "--start-fast", "--no-expire-auto")
        return self._command("backup", *options, self._processes, level="detail")

    def progress(self, line: bytes, expected: int = 0) -> Progress | None:
        """`expected` bytes of the database: the log tells a share only."""
        return progress_of(line, expected)

    def listing(self) -> Command:
        return self._command("info", "--output=json", timeout=300)

    def read_listing(self, said: bytes) -> tuple[Backup, ...]:
        return read_info(said, self.stanza).backups

    def verify(self, only: str = "") -> Command:
        """Everything, or one backup and what it refers to.

        The report goes to standard output, names of files to stderr.
        """
        chosen = (f"--set={checked(label, only)}",) if only else ()
        return self._command("verify", "--output=text", "--verbose", *chosen, self._processes, level="info")

    def findings(self, completed: Completed) -> tuple[Finding, ...]:
        return pgbackrest_verify.findings(completed)

    def restore(self, order: DatabaseRestore) -> Command:
        """In place it removes what is not in the backup, WAL that was never archived included: look at that first."""
        place: tuple[str, ...] = ("--delta",)
        if order.side_path:
            # a cluster that is promoted beside the true one must not write into its archive
            place = (f"--pg1-path={path(order.side_path)}", "--archive-mode=off", "--delta")  # so it may be repeated
        if order.side_tablespaces:
            place += (f"--tablespace-map-all={path(order.side_tablespaces)}",)
        only = tuple(f"--db-include={plain(name)}" for name in order.databases)
        settings = tuple(f"--recovery-option={plain(k)}={plain(v)}" for k, v in sorted(order.recovery_options.items()))
        chosen = (f"--set={checked(label, order.label)}", *order.target.arguments())
        return self._command("restore", *chosen, *place, *only, *settings, self._processes, level="detail")

    def expire(self, names: Sequence[str]) -> tuple[Command, ...]:
        """Only ever on the backup host, under the data lease: before 2.59 it would eat a backup taken elsewhere
        (#2622).
        """
        ordered = sorted({checked(label, name) for name in names}, reverse=True)  # the longest chain's end comes first
        return tuple(self._expire(f"--set={name}") for name in ordered)

    def expire_wal(self, fulls: int, dry_run: bool = False) -> Command:
        """Drops the WAL older than the start of the `fulls`-th newest full backup; older backups keep what they need.

        `fulls` above the number of full backups drops nothing. Raises InvalidInput below 1.
        """
        if not 1 <= fulls <= KEEP_ALL:
            raise InvalidInput(Bilingual(f"WAL of {fulls} full backups", f"WAL для {fulls} полных копий: нельзя"))
        options = (f"--repo1-retention-archive={fulls}", "--repo1-retention-archive-type=full")
        return self._expire(*options, *(("--dry-run",) if dry_run else ()))

    def entries(self, below: str, recurse: bool = False, only: str = "") -> Command:
        """Lists a path of the repository, such as `archive/STANZA/17-1`; read by `pgbackrest_listing`.

        `only`: a regular expression that the names found must match somewhere.
        """
        chosen = (*(("--recurse",) if recurse else ()), *((f"--filter={only}",) if only else ()))
        return self._bare("repo-ls", "--output=json", *chosen, relative(below))

    def fetch(self, file: str) -> Command:
        """One file to standard output, decrypted but not decompressed.

        A broken pipe is no error to it: compare lengths.
        """
        return self._bare("repo-get", relative(file))

    def ending(self, completed: Completed) -> Ending:
        return pgbackrest_exit.ending(completed)

    @property
    def _processes(self) -> str:
        return f"--process-max={self.processes}"

    def _expire(self, *options: str) -> Command:
        return self._command("expire", f"--repo1-retention-full={KEEP_ALL}", *options, timeout=HOUR, level="detail")

    def _command(self, verb: str, *options: str, timeout: float = 0, level: str = "warn") -> Command:
        own = () if verb == "info" else ("--repo=1",) if verb in ("restore", "verify", "expire") else ()
        argv = (self.program, f"--config={self.config}", f"--stanza={self.stanza}", *_log(level), verb, *own, *options)
        return Command(argv, timeout or self.timeout, _ENVIRONMENT, self.secrets)

    def _bare(self, verb: str, *options: str) -> Command:
        argv = (self.program, f"--config={self.config}", *_log("warn"), "--repo=1", verb, *options)
        return Command(argv, HOUR, _ENVIRONMENT, self.secrets)


_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}


def _log(level: str) -> tuple[str, ...]:
    """Results alone on standard output; the log on stderr, without times."""
    return ("--log-level-console=off", f"--log-level-stderr={level}")
