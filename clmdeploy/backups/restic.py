"""restic's commands: for file trees.

On application hosts through the append-only gateway, on the backup host straight to S3.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clmdeploy.backups import restic_exit, restic_output
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Release, release_in
from clmdeploy.backups.engine import Capabilities, Ending, Finding, Progress
from clmdeploy.backups.output import Unintelligible, shown, unintelligible
from clmdeploy.backups.restic_order import HOST, SNAPSHOT, TAG, FilesBackup, FilesRestore, absolute, escaped, named
from clmdeploy.backups.restic_output import Snapshot, Status
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

HOUR = 3600.0


@dataclass(frozen=True)
class Restic:
    """One repository, seen from one host."""

    repository: str
    """`rest:https://HOST:PORT/NAME/` or `s3:https://HOST:PORT/BUCKET/PREFIX/NAME`; without user and password"""
    host: str
    password_file: str
    cache: str
    authority: str = ""
    client_certificate: str = ""
    """file with certificate and key, for the gateway"""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """AWS_ACCESS_KEYSNAPSHOT, AWS_SECRET_ACCESS_KEY → file; on the backup host only"""
    timeout: float = 24 * HOUR
    program: str = "restic"

    name = "restic"
    capabilities = Capabilities(
        point_in_time=False, incremental=True, encrypted=True, checksummed=True, single_items=True
    )

    def __post_init__(self) -> None:
        named(HOST, self.host, "a host", "узла")

    def version(self) -> Command:
        return Command((self.program, "version", "--json"), 30)

    def read_version(self, said: bytes) -> Release:
        """Raises Unintelligible."""
        found = release_in(said.decode("utf-8", "replace").replace('"', " "))
        if found is None:
            raise unintelligible("restic version", shown(said))
        return found

    def preflight(self) -> tuple[Command, ...]:
        """The repository's own configuration is read: address, certificate and password are right, or it tells which
        is not.
        """
        return (self.version(), self._command("cat", "config", "--no-lock", timeout=120))

    def create(self) -> Command:
        return self._command("init", timeout=300)

    def add_key(self, password_file: str) -> Command:
        """One more password for the same repository."""
        return self._command("key", "add", f"--new-password-file={absolute(password_file)}", timeout=300)

    def backup(self, order: FilesBackup) -> Command:
        """Paths go by standard input, NUL between them: any name passes.

        Raises InvalidInput for none, or relative ones.
        """
        if not order.paths:
            raise InvalidInput(Bilingual("no path to back up", "нет путей для копирования"))
        tags = tuple(f"--tag={named(TAG, tag, 'a tag', 'метки')}" for tag in order.tags)
        told = b"".join(os.fsencode(absolute(path)) + b"\0" for path in order.paths)
        options = (f"--host={self.host}", *tags, "--files-from-raw=-", "--retry-lock=10m")
        return self._command("backup", *options, stdin=told)

    def progress(self, line: bytes) -> Progress | None:
        """A line that is no message is passed over here, and refused when the summary is read."""
        try:
            told = restic_output.message(line)
        except Unintelligible:
            return None
        return told.progress if isinstance(told, Status) else None

    def listing(self, tag: str = "") -> Command:
        """All snapshots, or those with a tag."""
        chosen = (f"--tag={named(TAG, tag, 'a tag', 'метки')}",) if tag else ()
        return self._command("snapshots", "--no-lock", *chosen, timeout=HOUR)

    def read_listing(self, said: bytes) -> tuple[Snapshot, ...]:
        return restic_output.snapshots(said)

    def verify(self, only: str = "") -> Command:
        """The structure of the whole repository; one snapshot alone can't be asked for before 0.19. Bytes:
        `verify_data`.

        Without its lock it runs beside backups; our data lease keeps prune away.
        """
        if only:
            raise InvalidInput(
                Bilingual("restic checks whole repositories", "restic проверяет только хранилище целиком")
            )
        return self._command("check", "--no-lock")

    def verify_data(self) -> Command:
        """Every byte, each time: the ledger of `verification` reads only what is new, and needs no password for it."""
        return self._command("check", "--no-lock", "--read-data")

    def findings(self, completed: Completed) -> tuple[Finding, ...]:
        """Of `verify`; exit code, summary and errors must agree that nothing is wrong. Raises Unintelligible."""
        told = restic_output.summary(completed.stdout)
        found = [Finding(_both(fault.words)) for fault in restic_output.faults(completed.stderr) if not fault.is_advice]
        packs = told.broken_packs or ()
        found += [Finding(Bilingual("the pack is damaged", "пакет повреждён"), "", _pack(name)) for name in packs]
        if not found and (told.num_errors or completed.code != 0):
            found.append(Finding(self.ending(completed).words))
        return tuple(found)

    def whose(self, pack: str) -> Command:
        """Tells in which snapshots a pack's content is found.

        An empty answer clears nobody: root folders are not looked at.
        """
        return self._command("find", "--no-lock", "--pack", named(SNAPSHOT, pack, "a pack", "пакета"), timeout=HOUR)

    def restore(self, order: FilesRestore) -> Command:
        """In place: equal to the snapshot afterwards, what is not in it deleted, content read back and compared.

        The parent is the restored folder: restic gives the root of what it restores no owner, mode or times.
        """
        parent, name = os.path.split(absolute(order.path))
        if not name:
            raise InvalidInput(
                Bilingual("the root can't be restored as one path", "корень нельзя восстановить одним путём")
            )
        source = f"{named(SNAPSHOT, order.snapshot, 'a snapshot', 'снимка')}:{parent}"
        chosen = ("--include", f"/{escaped(name)}", "--verify")
        if order.side_path:
            return self._command("restore", source, "--target", absolute(order.side_path), *chosen)
        return self._command("restore", source, "--target", parent, *chosen, "--delete", "--overwrite=always")

    def expire(self, names: Sequence[str]) -> tuple[Command, ...]:
        """By ID only: a host could give its snapshots false times.

        List afterwards: forget may fail with exit code 0 (#5233).
        """
        ids = tuple(named(SNAPSHOT, name, "a snapshot", "снимка") for name in names)
        batches = [ids[at : at + 100] for at in range(0, len(ids), 100)]
        forgets = tuple(self._command("forget", "--retry-lock=10m", *batch, timeout=HOUR) for batch in batches)
        return (*forgets, self._command("prune", "--retry-lock=10m")) if forgets else ()

    def unlock(self) -> Command:
        """Removes stale locks only; before prune, which would wait half an hour for one."""
        return self._command("unlock", timeout=300)

    def size(self) -> Command:
        """Read by `restic_output.statistics`."""
        return self._command("stats", "--no-lock", "--mode=raw-data", timeout=HOUR)

    def ending(self, completed: Completed) -> Ending:
        """0 of a backup is no success until `restic_output.left_out` says that all paths are there."""
        return restic_exit.ending(completed)

    def _command(self, verb: str, *options: str, timeout: float = 0, stdin: bytes = b"") -> Command:
        argv = (self.program, verb, "--json", *options)
        return Command(argv, timeout or self.timeout, self._environment(), self.secrets, stdin)

    def _environment(self) -> dict[str, str]:
        """Progress once a second: with --json it would be 60 times."""
        told = {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_CACHE_DIR": self.cache,
            "RESTIC_CACERT": self.authority,
            "RESTIC_TLS_CLIENT_CERT": self.client_certificate,
            "RESTIC_PROGRESS_FPS": "1",
            "GOGC": "20",
            "LC_ALL": "C",
        }
        return {name: value for name, value in told.items() if value}


def _pack(name: str) -> str:
    return f"data/{name[:2]}/{name}" if SNAPSHOT.fullmatch(name) else shown(name)


def _both(words: str) -> Bilingual:
    """restic's own words, which have no Russian."""
    return Bilingual(words, words)
