"""The backup host: where things lie there, and the engines as its jobs run them."""

from __future__ import annotations

from collections.abc import Mapping

from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.restic import Restic

USER = "clm-backup"
"""account of the jobs: backup, expire, verify; the only one with keys that may delete"""
HOME = "/var/lib/clm-backup"
SETTINGS = "/etc/clm-backup"
AUTHORITY = f"{SETTINGS}/storage-ca.pem"
"""certificates that the storage's own is checked with, where it is not the system's"""
SECRETS = f"{SETTINGS}/secrets"
ACCESS_KEY, SECRET_KEY = f"{SECRETS}/s3-access-key", f"{SECRETS}/s3-secret-key"
FILES_PASSPHRASE = f"{SECRETS}/files-passphrase"
DATABASE_SECRETS: Mapping[str, str] = {
    "PGBACKREST_REPO1_S3_KEY": ACCESS_KEY,
    "PGBACKREST_REPO1_S3_KEY_SECRET": SECRET_KEY,
    "PGBACKREST_REPO1_CIPHER_PASS": f"{SECRETS}/database-passphrase",
}
FILES_SECRETS: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def local_pgbackrest(stanza: str, processes: int = 2) -> Pgbackrest:
    """The repository of databases, as the jobs reach it: straight in the storage."""
    return Pgbackrest(stanza, f"{SETTINGS}/pgbackrest.conf", processes, secrets=DATABASE_SECRETS)


def direct_restic(host: str, address: str, authority: str = "") -> Restic:
    """One host's repository of files, as the jobs reach it: without the gateway, which lets nobody delete.

    `address`: `s3:https://…/restic/HOST`; `authority`: AUTHORITY, where the storage's certificate is checked with that.
    """
    return Restic(
        address, host, password_file=FILES_PASSPHRASE, cache=f"{HOME}/restic", authority=authority,
        secrets=FILES_SECRETS,
    )  # fmt: skip
