"""What `pgbackrest info --output=json` says, as of 2.55 (src/command/info/info.c).

Its exit code is 0 whatever the state.
"""

from __future__ import annotations

from pydantic import Field, TypeAdapter

from clmdeploy.backups.engine import Progress
from clmdeploy.backups.output import Told, document, shown, unintelligible
from clmdeploy.backups.pgbackrest_backup import Backup, Count, DatabaseReference
from clmdeploy.backups.pgbackrest_names import Archive, Segment, Stanza
from clmdeploy.model.bilingual import Bilingual, russian

SOURCE = "pgbackrest info"
_CODES = {
    0: Bilingual("sound", "в порядке"),
    1: Bilingual(
        "the repository has no such stanza: run backup setup", "в хранилище нет этого раздела: выполните backup setup"
    ),
    2: Bilingual("no backup yet", "копий ещё нет"),
    3: Bilingual("the stanza's own files are missing or damaged", "служебные файлы раздела отсутствуют или повреждены"),
    4: Bilingual("repositories differ", "хранилища различаются"),
    5: Bilingual("repositories belong to different databases", "хранилища принадлежат разным базам"),
    6: Bilingual("there is no such backup", "такой копии нет"),
    99: Bilingual("the repository can't be read", "хранилище не читается"),
}


class Status(Told):
    """The state of a stanza or of one repository. Code 99 is a wrong key, a wrong authority or a dead storage."""

    code: int
    message: str

    @property
    def words(self) -> Bilingual:
        known = _CODES.get(self.code, Bilingual(f"state {self.code}", f"состояние {self.code}"))
        said = shown(self.message)
        return known if self.code < 99 else Bilingual(f"{known}: {said}", f"{russian(known)}: {said}")


class _BackupLock(Told):
    held: bool
    size: Count | None = None
    size_complete: Count | None = Field(None, alias="size-cplt")


class _Locks(Told):
    backup: _BackupLock


class StanzaStatus(Status):
    """`lock` is told from the lock files of the host where info ran: true on the backup host only."""

    lock: _Locks


class Database(Told):
    """One database that was backed up here; the last one is the present one.

    A new system identifier begins a new one.
    """

    id: Count
    system_id: int = Field(alias="system-id", ge=0, lt=2**64)
    version: str = Field(max_length=20)


class WalArchive(Told):
    """Lowest and highest name, across timelines: no statement that nothing is missing in between."""

    id: Archive
    min: Segment | None
    max: Segment | None
    database: DatabaseReference


class Repository(Told):
    """One repository's own state."""

    key: Count
    cipher: str
    status: Status


class StanzaInfo(Told):
    """All that is told of one stanza."""

    name: Stanza
    cipher: str
    status: StanzaStatus
    databases: tuple[Database, ...] = Field(alias="db")
    archives: tuple[WalArchive, ...] = Field(alias="archive")
    repositories: tuple[Repository, ...] = Field((), alias="repo")
    backups: tuple[Backup, ...] = Field(alias="backup")

    @property
    def is_sound(self) -> bool:
        return self.status.code == 0 and all(one.status.code == 0 for one in self.repositories)

    @property
    def is_running(self) -> bool:
        return self.status.lock.backup.held

    @property
    def progress(self) -> Progress | None:
        """Of the backup that runs now, in bytes of the database; None while none runs or its size is not known yet."""
        lock = self.status.lock.backup
        if not lock.held or lock.size is None:
            return None
        return Progress(min(lock.size_complete or 0, lock.size), lock.size)

    @property
    def words(self) -> Bilingual:
        """The state, and that of the repository which spoils it."""
        worst = next((one.status for one in self.repositories if one.status.code not in (0, 2)), None)
        return worst.words if worst is not None else self.status.words


_STANZAS = TypeAdapter(tuple[StanzaInfo, ...])


def read_info(said: bytes, stanza: str) -> StanzaInfo:
    """What is told of `stanza`. Raises Unintelligible, also where that stanza is not in it."""
    for told in document(_STANZAS, said, SOURCE):
        if told.name == stanza:
            return told
    raise unintelligible(SOURCE, f"nothing is told of stanza {stanza}")
