"""What pgBackRest's configuration files are rendered from: repository, storage, clusters, certificates, directories."""

from __future__ import annotations

from pydantic import Field

from clmdeploy.backups.pgbackrest_names import Stanza
from clmdeploy.model.value import Value


class Places(Value):
    """Directories of one user on one host. Two users never share them."""

    locks: str = "/run/pgbackrest"
    logs: str = "/var/log/pgbackrest"
    spool: str = "/var/spool/pgbackrest"


class Identity(Value):
    """A certificate of this host, which serves for both ends of a connection."""

    authority: str
    certificate: str
    key: str
    port: int = Field(8432, ge=1, le=65535)


class Storage(Value):
    """The S3 storage. Before 2.58 only HTTPS is spoken to it."""

    bucket: str
    endpoint: str
    port: int = Field(443, ge=1, le=65535)
    region: str = "us-east-1"
    path_style: bool = True
    authority: str = Field("", description="file with the certificate authority; empty: the system's")


class Repository(Value):
    """How backups are stored. The cipher can't be changed once the stanza exists."""

    stanza: Stanza
    storage: Storage
    path: str = "/pgbackrest"
    encrypted: bool = True
    bundled: bool = True
    block_incremental: bool = True
    level: int = Field(3, ge=1, le=19, description="of zstd")
    processes: int = Field(2, ge=1, le=99)
    from_standby: bool = False
    wal_timeout: int = Field(60, ge=1, le=86400, description="seconds until WAL must have been stored")


class Cluster(Value):
    """One database server as the backup host reaches it."""

    host: str
    data: str
    port: int = Field(5432, ge=1, le=65535)
    sockets: str = "/var/run/postgresql"
    config: str = "/etc/pgbackrest/pgbackrest.conf"


class Peer(Value):
    """The backup host as database hosts reach it."""

    name: str = Field(description="common name of its certificate")
    address: str
    config: str = Field(description="where the server's configuration lies there")
