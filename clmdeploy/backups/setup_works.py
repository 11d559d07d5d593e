"""Works of `backup setup`: the stanza, the file repositories and their keys. All may be done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Weight, defects_of
from clmdeploy.backups.engine import Progress
from clmdeploy.backups.host_files import (
    FILES_PASSPHRASE,
    FILES_SECRETS,
    JOBS,
    JOBS_CACHE,
    files_on_host,
    stanza_on_backup_host,
)
from clmdeploy.backups.layout import host_password
from clmdeploy.backups.pgbackrest_info import read_info
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, Work, WorkFailed, refuse_unsuccessful
from clmdeploy.model.bilingual import joined

_THERE = b"already"
_WITHOUT_BACKUPS = (0, 2)


class _Stanza(Asked):
    stanza: str
    processes: int = 2


class _Silent:
    """Quick works tell no progress."""

    def progress(self, _arguments: Arguments, _line: bytes) -> Progress | None:
        """None."""
        return None


class CreateStanza(_Silent):
    """pgBackRest's own files in the repository: harmless where they are."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Stanza.model_validate(arguments)
        return (replace(stanza_on_backup_host(asked.stanza).create_stanza(), user=JOBS),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        engine = stanza_on_backup_host(_Stanza.model_validate(arguments).stanza)
        refuse_unsuccessful(completed[0], engine.ending(completed[0]), "pgBackRest")
        return {"stanza": engine.stanza}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Stanza.model_validate(arguments)
        return (replace(stanza_on_backup_host(asked.stanza).listing(), user=JOBS, keep=32 * 1024 * 1024),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        stanza = _Stanza.model_validate(arguments).stanza
        engine = stanza_on_backup_host(stanza)
        refuse_unsuccessful(completed[0], engine.ending(completed[0]), "pgBackRest")
        there = read_info(completed[0].stdout, stanza).status.code in _WITHOUT_BACKUPS
        return {"state": "done", "stanza": stanza} if there else {"state": "not-done"}


class _Repository(Asked):
    repository: str
    host: str
    authority: str = ""

    def engine(self, password_file: str = FILES_PASSPHRASE) -> Restic:
        """restic on the backup host, straight to the storage."""
        return Restic(self.repository, self.host, password_file, JOBS_CACHE, self.authority, secrets=FILES_SECRETS)

    def opening(self, password_file: str) -> Command:
        """Reads the repository's own configuration with this password."""
        return replace(self.engine(password_file).preflight()[1], user=JOBS)


class CreateRepository(_Silent):
    """A host's file repository; one that is there stays as it is."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (replace(_Repository.model_validate(arguments).engine().create(), user=JOBS),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        made, engine = completed[0], _Repository.model_validate(arguments).engine()
        stands = made.code != 0 and _THERE in made.stdout + made.stderr
        if not stands:
            refuse_unsuccessful(made, engine.ending(made), "restic")
        return {"made": not stands}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Repository.model_validate(arguments).opening(FILES_PASSPHRASE),)

    def state(self, _arguments: Arguments, completed: Sequence[Completed]) -> Found:
        return {"state": "done", "made": True} if completed[0].code == 0 else {"state": "not-done"}


class AddKey(_Silent):
    """The key of one host, which opens its own repository and no other."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Repository.model_validate(arguments)
        return (replace(asked.engine().add_key(host_password(asked.host)), user=JOBS),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        engine = _Repository.model_validate(arguments).engine()
        refuse_unsuccessful(completed[0], engine.ending(completed[0]), "restic")
        return {"host": engine.host}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Repository.model_validate(arguments)
        return (asked.opening(host_password(asked.host)),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        host = _Repository.model_validate(arguments).host
        return {"state": "done", "host": host} if completed[0].code == 0 else {"state": "not-done"}


class ReachRepository(Repeatable):
    """The host itself opens its repository: address, certificates and key are right."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Repository.model_validate(arguments)
        return files_on_host(asked.repository, asked.host).preflight()

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Repository.model_validate(arguments)
        engine = files_on_host(asked.repository, asked.host)
        for one in completed:
            refuse_unsuccessful(one, engine.ending(one), "restic")
        release = engine.read_version(completed[0].stdout)
        grave = [one.words for one in defects_of("restic", release) if one.weight is Weight.REFUSE]
        if grave:
            raise WorkFailed(joined("; ", grave))
        return {"version": ".".join(map(str, release))}


WORKS: dict[str, Work] = {
    "pgbackrest-stanza": CreateStanza(),
    "restic-init": CreateRepository(),
    "restic-key": AddKey(),
    "restic-reach": ReachRepository(),
}
