"""Where everything of backups lies on hosts, and what the engines are told of it. `backup setup` makes it so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from clmdeploy.backups.host_files import GATEWAY_PORT, HOME, JOBS, RESTIC_CACHE
from clmdeploy.backups.pgbackrest_settings import Cluster, Identity, Peer, Places, Repository, Storage
from clmdeploy.backups.rclone import Gateway, repository_of, stored_repository_of
from clmdeploy.config.backup import Backup, BackupStorage
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue

BACKUP = HOME
ARCHIVE = "/etc/clm-archive"
GATEWAY = "/etc/clm-gateway"
PGBACKREST = "/etc/pgbackrest"
SECRETS = f"{BACKUP}/secrets"
AUTHORITY = f"{BACKUP}/authority"
STORAGE_CA = "storage-ca.pem"
ARCHIVE_PORT = 8432

JOB_USER, ARCHIVE_USER, GATEWAY_USER = JOBS, "clm-archive", "clm-gateway"
JOB_PLACES = Places(locks="/run/clm-backup", logs="/var/log/clm-backup", spool="/var/spool/clm-backup")
ARCHIVE_PLACES = Places(locks="/run/clm-archive", logs="/var/log/clm-archive", spool="/var/lib/clm-archive")
JOB_HOME = "/var/lib/clm-backup"
FILES_CACHE = RESTIC_CACHE

DUMP_PASSPHRASE = f"{BACKUP}/database-passphrase"
"""on database hosts, where the engine is pgdump"""


def host_password(host: str) -> str:
    """The file on the backup host with what opens that host's repository alone."""
    return f"{SECRETS}/hosts/{host}"


def identity(directory: str) -> Identity:
    """A certificate as it lies below one of the directories above."""
    tls = f"{directory}/tls"
    return Identity(authority=f"{tls}/ca.pem", certificate=f"{tls}/cert.pem", key=f"{tls}/key.pem", port=ARCHIVE_PORT)


@dataclass(frozen=True)
class Layout:
    """What the settings say, in the engines' words."""

    settings: Environment
    backup: Backup
    parties: Parties

    @property
    def archives(self) -> bool:
        """Whether database hosts hand their WAL to the backup host."""
        return self.backup.database.engine == "pgbackrest"

    @property
    def store(self) -> BackupStorage:
        return self.settings.backup_storage(self.backup)

    @property
    def endpoint(self) -> str:
        """https://HOST[:PORT] of the storage."""
        return self.store.endpoint or ""

    @property
    def has_own_authority(self) -> bool:
        """Whether the storage is checked with other certificates than the system's."""
        return self.store.ca_file is not None

    def storage_ca(self, directory: str) -> str:
        """The file with them, empty for the system's."""
        return f"{directory}/{STORAGE_CA}" if self.has_own_authority else ""

    def repository(self, directory: str) -> Repository:
        """pgBackRest's, as seen by the user of that directory."""
        database, parts = self.backup.database, urlsplit(self.endpoint)
        storage = Storage(
            bucket=self.store.bucket, endpoint=parts.hostname or "", port=parts.port or 443,
            region=self.store.region or "", path_style=self.store.addressing == "path",
            authority=self.storage_ca(directory),
        )  # fmt: skip
        return Repository(
            stanza=database.stanza, storage=storage, path="/" + self.store.below("pgbackrest"),
            processes=database.processes, from_standby=database.from_standby,
        )  # fmt: skip

    def clusters(self) -> Iterable[Cluster]:
        """Primary and standbys, in the inventory's order."""
        return [self.cluster(host) for host in self.parties.database]

    def cluster(self, host: Host) -> Cluster:
        database = self.backup.database
        return Cluster(
            host=host.address, data=database.data, port=database.port, config=f"{PGBACKREST}/pgbackrest.conf"
        )

    @property
    def peer(self) -> Peer:
        """The backup host as database hosts know it."""
        host = self.parties.backup
        return Peer(name=host.name, address=host.address, config=f"{ARCHIVE}/pgbackrest.conf")

    def gateway(self) -> Gateway:
        tls, store = identity(GATEWAY), self.store
        listening = "[::]" if ":" in self.parties.backup.address else "0.0.0.0"  # noqa: S104  # who may come is told by certificates
        return Gateway(
            address=f"{listening}:{GATEWAY_PORT}", certificate=tls.certificate, key=tls.key,
            client_authority=tls.authority, bucket=store.bucket, prefix=store.below("restic"), endpoint=self.endpoint,
            region=store.region or "", path_style=store.addressing == "path",
            storage_authority=self.storage_ca(GATEWAY), config=f"{GATEWAY}/rclone.conf",
        )  # fmt: skip

    @property
    def dump_store(self) -> dict[str, JsonValue]:
        """Where the folders of hosts lie, as jobs on the backup host reach them."""
        gateway = self.gateway()
        return {
            "endpoint": gateway.endpoint, "region": gateway.region, "path_style": gateway.path_style,
            "authority": self.storage_ca(BACKUP), "place": f"{gateway.bucket}/{gateway.prefix}",
        }  # fmt: skip

    def repository_of(self, host: str) -> str:
        """A host's file repository, as that host reaches it."""
        address = self.parties.backup.address
        shown = f"[{address}]" if ":" in address else address
        return repository_of(host, f"{shown}:{GATEWAY_PORT}")

    def stored_repository_of(self, host: str) -> str:
        """The same, as the backup host reaches it."""
        return stored_repository_of(host, self.gateway())
