"""Where `backup setup` puts what engines need on their hosts, and as whom they run there."""

from __future__ import annotations

from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.restic import Restic

JOBS = "clm-backup"
"""account on the backup host for all that reads and writes the repositories"""
DATABASE = "postgres"
HOME = "/etc/clm-backup"
PGBACKREST_CONFIG = f"{HOME}/pgbackrest.conf"
PGBACKREST_SECRETS = {
    "PGBACKREST_REPO1_S3_KEY": f"{HOME}/secrets/s3-access-key",
    "PGBACKREST_REPO1_S3_KEY_SECRET": f"{HOME}/secrets/s3-secret-key",
    "PGBACKREST_REPO1_CIPHER_PASS": f"{HOME}/secrets/database-passphrase",
}
STORAGE_AUTHORITY = f"{HOME}/storage-ca.pem"
"""certificates that the storage's own is checked with, where these are not the system's"""
FILES_PASSPHRASE = f"{HOME}/secrets/files-passphrase"
FILES_SECRETS = {
    "AWS_ACCESS_KEY_ID": f"{HOME}/secrets/s3-access-key",
    "AWS_SECRET_ACCESS_KEY": f"{HOME}/secrets/s3-secret-key",
}
JOBS_CACHE = "/var/lib/clm-backup/cache"
GATEWAY_PORT = 8000
UNITS = "/etc/systemd/system"
RESTIC_PASSWORD = f"{HOME}/restic-password"
RESTIC_CACHE = "/var/cache/clm-backup"
RESTIC_AUTHORITY = f"{HOME}/tls/ca.pem"
RESTIC_CERTIFICATE = f"{HOME}/tls/client.pem"
"""certificate and key in one file, as restic wants them"""


def stanza_on_backup_host(stanza: str, processes: int = 2) -> Pgbackrest:
    """pgBackRest as the jobs on the backup host run it."""
    return Pgbackrest(stanza, PGBACKREST_CONFIG, processes, secrets=PGBACKREST_SECRETS)


def files_on_host(repository: str, host: str) -> Restic:
    """restic as the hosts run it whose files are backed up: through the gateway, without any key to the storage."""
    return Restic(repository, host, RESTIC_PASSWORD, RESTIC_CACHE, RESTIC_AUTHORITY, RESTIC_CERTIFICATE)


def files_on_backup_host(address: str, host: str, authority: str = "") -> Restic:
    """restic as the jobs run it: straight in the storage, since the gateway lets nobody delete.

    `address`: `s3:https://…/restic/HOST`; `authority`: STORAGE_AUTHORITY, where there is one.
    """
    return Restic(address, host, FILES_PASSPHRASE, JOBS_CACHE, authority, secrets=FILES_SECRETS)
