"""pg_dump in directory format, parallel, zstd: small, native, no point in time.

For safety copies, forks, other versions.

Only exit code 0 says that a dump is whole: `toc.dat` is written before any data. Its members carry no checksum, and
one that was cut is read as if it had ended there (compress_zstd.c of 16 and 17): digests are taken while members are
stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Release, release_in
from clmdeploy.backups.engine import Capabilities, Ending, Finding, Outcome, Progress, plain_ending
from clmdeploy.backups.output import shown, unintelligible
from clmdeploy.backups.pgdump_order import SNAPSHOT, DumpBackup, DumpRestore, absolute, named
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

HOUR = 3600.0
_FINISHED = re.compile(rb"pg_dump: finished item (\d{1,10}) (TABLE DATA|BLOBS|SEQUENCE SET) (.*)", re.DOTALL)
_IGNORED = re.compile(rb"pg_restore: warning: errors ignored on restore: (\d+)")


@dataclass(frozen=True)
class Pgdump:
    """One database of one server, reached by socket directory or host name."""

    database: str
    server: str = "/var/run/postgresql"
    port: int = 5432
    user: str = "postgres"
    jobs: int = 2
    level: int = 3
    binaries: str = "/usr/lib/postgresql/17/bin"
    """of a version not below the server's"""
    password_file: str = ""
    timeout: float = 24 * HOUR

    name = "pgdump"
    capabilities = Capabilities(
        point_in_time=False, incremental=False, encrypted=False, checksummed=False, single_items=True
    )

    def __post_init__(self) -> None:
        named(self.database)

    def version(self) -> Command:
        return Command((f"{self.binaries}/pg_dump", "--version"), 30)

    def read_version(self, said: bytes) -> Release:
        """Raises Unintelligible."""
        found = release_in(said.decode("utf-8", "replace"))
        if found is None:
            raise unintelligible("pg_dump --version", shown(said))
        return found

    def preflight(self) -> tuple[Command, ...]:
        """A dump of the schema alone needs the same rights and locks, and tells what is missing."""
        return (
            self.version(),
            self._command("pg_dump", "--schema-only", "--file=/dev/null", self._database, timeout=HOUR),
        )

    def backup(self, order: DumpBackup) -> Command:
        """Verbose: each member that is finished is told, from then on it may be stored and removed."""
        if order.snapshot and not SNAPSHOT.fullmatch(order.snapshot):
            raise InvalidInput(
                Bilingual(f"{shown(order.snapshot)!r} is no snapshot", f"{shown(order.snapshot)!r}: не снимок")
            )
        options = (
            *("--format=directory", f"--jobs={self.jobs}", f"--compress=zstd:{self.level}", "--no-sync", "--verbose"),
            *((f"--snapshot={order.snapshot}",) if order.snapshot else ()),
            f"--file={absolute(order.directory)}",
        )
        return self._command("pg_dump", *options, self._database)

    def globals(self, file: str) -> Command:
        """Roles and tablespaces, which a dump of one database lacks; password hashes included."""
        return self._command("pg_dumpall", "--globals-only", f"--file={absolute(file)}", timeout=HOUR)

    def progress(self, line: bytes) -> Progress | None:
        """pg_dump tells of members, not of bytes: whoever stores them counts. See `finished_member`."""
        return Progress(0, 0, 1) if finished_member(line) else None

    def contents(self, directory: str) -> Command:
        return Command((f"{self.binaries}/pg_restore", "--list", "--", absolute(directory)), 300, _ENVIRONMENT)

    def listing(self) -> Command:
        """A dump is found by what was stored of it, not by asking the engine: this lists the databases that may be
        dumped.
        """
        query = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"
        return self._command(
            "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            f"--command={query}",
            "--dbname=postgres",
            timeout=60,
        )

    def read_listing(self, said: bytes) -> tuple[str, ...]:
        """Names of databases."""
        return tuple(line for line in said.decode("utf-8", "replace").splitlines() if line)

    def verify(self, only: str = "") -> Command:
        """Reads every member of a dump that was fetched into directory `only`.

        It finds missing ones and gross damage; digests find the rest.
        """
        return Command(
            (f"{self.binaries}/pg_restore", "--file=/dev/null", "--", absolute(only)), self.timeout, _ENVIRONMENT
        )

    def findings(self, completed: Completed) -> tuple[Finding, ...]:
        return () if completed.code == 0 else (Finding(self.ending(completed).words),)

    def restore(self, order: DumpRestore) -> Command:
        """Ends at the first error.

        One table needs `toc.dat` and its own member only; pg_restore takes names, not patterns.
        """
        if order.table is not None:
            schema, table = (named(part) for part in order.table)
            chosen = (f"--schema={schema}", f"--table={table}", f"--file={absolute(order.side_file)}")
            argv = (f"{self.binaries}/pg_restore", "--format=directory", *chosen, "--", absolute(order.directory))
            return Command(argv, self.timeout, _ENVIRONMENT)
        options = ("--format=directory", f"--jobs={self.jobs}", "--exit-on-error", f"--dbname={named(order.database)}")
        return self._command("pg_restore", *options, "--", absolute(order.directory))

    def expire(self, _names: Sequence[str], /) -> tuple[Command, ...]:
        """Dumps are objects: whoever keeps the catalogue removes them."""
        return ()

    def ending(self, completed: Completed) -> Ending:
        """1 is all that these programs know of failure; errors that pg_restore passed over are one too."""
        ignored = _IGNORED.search(completed.stderr[-65536:])
        plain = plain_ending(completed.code)
        if plain is not None and not (plain.is_success and ignored):
            return plain
        said = shown(completed.stderr[-65536:].strip().rsplit(b"\n", 1)[-1])
        outcome = Outcome.PARTIAL if ignored else Outcome.FAILED
        return Ending(
            outcome, Bilingual(f"ended with {completed.code}: {said}", f"код завершения {completed.code}: {said}")
        )

    @property
    def _database(self) -> str:
        return f"--dbname={self.database}"

    def _command(self, program: str, *options: str, timeout: float = 0) -> Command:
        reached = (f"--host={self.server}", f"--port={self.port}", f"--username={self.user}", "--no-password")
        password = {"PGPASSFILE": self.password_file} if self.password_file else {}
        return Command(
            (f"{self.binaries}/{program}", *reached, *options), timeout or self.timeout, _ENVIRONMENT | password
        )


_ENVIRONMENT = {"LC_ALL": "C", "PGCONNECT_TIMEOUT": "15", "PGAPPNAME": "clmdeploy"}


def finished_member(line: bytes) -> str | None:
    """The file that is complete now, by a line of a verbose parallel dump; None for any other line."""
    match = _FINISHED.fullmatch(line.rstrip(b"\r\n"))
    return f"{int(match[1])}.dat.zst" if match and match[2] == b"TABLE DATA" else None
