"""All works by name: what an EngineCall's `act` may be."""

from __future__ import annotations

from collections.abc import Mapping

from clmdeploy.backups.archive_reach import ArchiveHistories, ArchiveListing, ArchiveOutline
from clmdeploy.backups.pgbackrest_expiry import DatabaseExpiry, DatabaseListing, LogExpiry
from clmdeploy.backups.pgbackrest_works import Archived, Check, TakeBackup
from clmdeploy.backups.pgdump_works import WORKS as DUMPS
from clmdeploy.backups.postgres_works import Moment, NamedPoint, Role
from clmdeploy.backups.restic_expiry import FilesExpiry, FilesListing
from clmdeploy.backups.restic_works import FilesBackupWork, FilesCheck
from clmdeploy.backups.restore_works import WORKS as RESTORE
from clmdeploy.backups.setup_works import WORKS as SETUP
from clmdeploy.backups.work import Work

WORKS: Mapping[str, Work] = {
    "pgbackrest-check": Check(),
    "pgbackrest-backup": TakeBackup(),
    "pgbackrest-archived": Archived(),
    "postgres-role": Role(),
    "postgres-point": NamedPoint(),
    "postgres-moment": Moment(),
    "restic-check": FilesCheck(),
    "restic-backup": FilesBackupWork(),
    "pgbackrest-archive-outline": ArchiveOutline(),
    "pgbackrest-archive": ArchiveListing(),
    "pgbackrest-histories": ArchiveHistories(),
    **SETUP,
    "pgbackrest-list": DatabaseListing(),
    "pgbackrest-expire": DatabaseExpiry(),
    "pgbackrest-expire-wal": LogExpiry(),
    "restic-list": FilesListing(),
    "restic-expire": FilesExpiry(),
    **DUMPS,
    **RESTORE,
}
