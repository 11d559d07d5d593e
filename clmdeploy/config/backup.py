"""The section `backup` of clm.yml: where restore points are stored, what is in them, how long they stay."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clmdeploy.config.fields import (
    AbsolutePath,
    Bucket,
    Calendar,
    DatabaseName,
    Endpoint,
    FilePath,
    Group,
    Prefix,
    Principal,
    Region,
    ServiceName,
    Stanza,
    count,
    seconds,
)
from clmdeploy.config.secrets import SecretReference
from clmdeploy.model.value import Value


class Keys(Value):
    """One pair of keys to the storage."""

    access_key: SecretReference = Field(
        description="Access key: {env: NAME}, {file: PATH} or a !vault value.",
        examples=[{"file": "secrets/backup-access-key"}],
    )
    secret_key: SecretReference = Field(
        description="Its secret key: {env: NAME}, {file: PATH} or a !vault value.",
        examples=[{"file": "secrets/backup-secret-key"}],
    )


class BackupStorage(Value):
    """The S3-compatible storage that the engines keep their repositories in."""

    bucket: Bucket = Field(
        description="Bucket of the engines' repositories: none of those of `storage`. Keep it versioned, or locked.",
        examples=["clm-backups"],
    )
    prefix: Prefix = Field(
        "", description="Below it lie pgbackrest/ and restic/; empty: at the top.", examples=["production"]
    )
    endpoint: Endpoint | None = Field(
        None, description="Address of the storage; default: that of `storage`.", examples=["https://s3.example.com"]
    )
    region: Region | None = Field(
        None, description="Region that requests are signed for; default: that of `storage`.", examples=["us-east-1"]
    )
    ca_file: FilePath | None = Field(
        None,
        description="Certificates (PEM) that the storage's own is checked with; default: those of `storage` where "
        "the endpoint is that of `storage`, else the system's.",
        examples=["ca.pem"],
    )
    addressing: Literal["path", "virtual"] | None = Field(
        None,
        description="path: https://HOST/BUCKET/KEY. virtual: https://BUCKET.HOST/KEY. Default: that of `storage`.",
        examples=["path"],
    )
    keys: Keys = Field(
        description="Keys of the jobs on the backup host (backup, expire, verify): may read, write and delete."
    )
    archive: Keys | None = Field(
        None,
        description="Keys of the server that database hosts reach: should read and write, but not delete, since root "
        "on a database host can get them. Default: `keys`, so that root there gets those.",
    )
    files: Keys | None = Field(
        None,
        description="Keys of the gateway that file backups go through: should reach restic/ alone. Default: `keys`.",
    )

    def below(self, name: str) -> str:
        """Where a repository of this name lies in the bucket, without a slash at either end."""
        return f"{self.prefix}/{name}" if self.prefix else name


class DatabaseBackup(Value):
    """The database of a restore point."""

    engine: Literal["pgbackrest", "pgdump"] = Field(
        "pgbackrest",
        description="pgbackrest: the whole cluster with its log, restored to any moment. pgdump: one database as it "
        "was when the dump began, no point in time; for small databases and for forks that pgBackRest does not know.",
        examples=["pgbackrest"],
    )
    group: Group = Field("db", description="Group of hosts.yml with the primary and its standbys.", examples=["db"])
    name: DatabaseName = Field("clm", description="Database of the application.", examples=["clm"])
    stanza: Stanza = Field("clm", description="What pgBackRest calls this cluster.", examples=["clm"])
    passphrase: SecretReference = Field(
        description="Passphrase that database backups are encrypted with: {env: NAME}, {file: PATH} or a !vault "
        "value. It can't be changed later, and without it no backup can be read: keep it elsewhere too.",
        examples=[{"file": "secrets/backup-database-passphrase"}],
    )
    processes: int = count(2, "Processes that compress and transfer at once.", least=1, most=99)
    port: int = count(5432, "Port of PostgreSQL on its hosts.", least=1, most=65535)
    data: AbsolutePath = Field(
        "/var/lib/postgresql/17/main",
        description="PostgreSQL's data directory there.",
        examples=["/var/lib/postgresql/17/main"],
    )
    service: ServiceName = Field(
        "postgresql@17-main.service",
        description="systemd unit that runs PostgreSQL there.",
        examples=["postgresql@17-main.service"],
    )
    from_standby: bool = Field(
        True, description="Read from a standby when there is one, so that the primary is spared.", examples=[True]
    )


class FilesBackup(Value):
    """The files of a restore point."""

    passphrase: SecretReference = Field(
        description="Passphrase that opens all file repositories; each host gets one of its own, derived from it, "
        "that opens its own repository only. It can't be changed later: keep it elsewhere too.",
        examples=[{"file": "secrets/backup-files-passphrase"}],
    )
    paths: dict[Group, tuple[AbsolutePath, ...]] = Field(
        {},
        max_length=32,
        description="Files and directories to back up on the hosts of a group, beside what the release declares as "
        "shared and its environment files.",
        examples=[{"db": ["/etc/postgresql"]}],
    )


class Rules(Value):
    """What is kept. A point stays when one count keeps it; `most_days` ends what days, weeks and months keep."""

    last: int = count(7, "The newest points that stay, whatever their age.", least=1, most=10_000)
    daily: int = count(7, "Days of which the newest point stays.", most=10_000)
    weekly: int = count(4, "ISO weeks of which the newest point stays.", most=10_000)
    monthly: int = count(6, "Months of which the newest point stays.", most=10_000)
    most_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        strict=True,
        description="Days after which neither days, weeks nor months keep a point; default: never.",
        examples=[400],
    )


class Verification(Value):
    """How often what is stored is read again."""

    every_days: int = count(
        30, "Days after which a stored object is read again by `backup verify`.", least=1, most=3650
    )


class ScheduledBackup(Value):
    """One kind of backup and when it is made."""

    type: Literal["full", "diff", "incr"] = Field(
        description="full: everything. diff: what changed since the last full one. incr: since the last one.",
        examples=["full"],
    )
    at: Calendar = Field(
        description="When, as systemd.time(7) writes it, in the backup host's zone unless one is named.",
        examples=["Sun 02:00"],
    )


class ScheduleKeys(Value):
    """Keys of the jobs that run by themselves: their own, and nobody else's. `schedule install` brings them there."""

    principal: Principal = Field(
        description="Whom the journal names: one principal of allowed_signers, with this signing key.",
        examples=["backup@production"],
    )
    signing_key: SecretReference = Field(
        description="Private key that plans, journal and restore points are signed with, without a passphrase. Its "
        'line in allowed_signers should say namespaces="clmdeploy.plan,clmdeploy.journal,clmdeploy.point": it can '
        "neither publish nor approve a release then.",
        examples=[{"file": "secrets/schedule-signing-key"}],
    )
    ssh_key: SecretReference = Field(
        description="Private SSH key for the accounts of hosts.yml, without a passphrase. Its line in their "
        'authorized_keys should begin with restrict,from="ADDRESS OF THE BACKUP HOST".',
        examples=[{"file": "secrets/schedule-ssh-key"}],
    )
    access_key: SecretReference = Field(
        description="Access key to the storage: reads and writes the state bucket, reads the release bucket.",
        examples=[{"file": "secrets/schedule-access-key"}],
    )
    secret_key: SecretReference = Field(
        description="Its secret key.", examples=[{"file": "secrets/schedule-secret-key"}]
    )


class Schedule(Value):
    """When the jobs on the backup host run by themselves."""

    backup: tuple[ScheduledBackup, ...] = Field(
        min_length=1,
        max_length=20,
        description="Which backups are made when.",
        examples=[[{"type": "full", "at": "Sun 02:00"}, {"type": "incr", "at": "Mon..Sat 02:00"}]],
    )
    verify: Calendar | None = Field(
        None, description="When `backup verify` runs; default: never by itself.", examples=["*-*-* 05:00"]
    )
    expire: Calendar | None = Field(
        None, description="When `backup expire` runs; default: never by itself.", examples=["*-*-* 06:30"]
    )
    random_delay: int = seconds(600, "Longest random delay of a start, in seconds, the same each time.", most=86_400)
    deadline: int = seconds(
        7200, "How long a run may wait for another to end, in seconds, before it counts as missed.", most=86_400
    )
    longest: int = seconds(
        43_200, "How long a run may work, in seconds, before it is ended.", least=60, most=7 * 86_400
    )
    metrics: AbsolutePath = Field(
        "/var/lib/prometheus/node-exporter",
        description="Directory of Prometheus' node exporter for text files, on the backup host.",
        examples=["/var/lib/prometheus/node-exporter"],
    )
    keys: ScheduleKeys | None = Field(None, description="Keys of these jobs; without them nothing can be installed.")


class Backup(Value):
    """Restore points: where they are stored, what is in them, how long they stay."""

    group: Group = Field(
        "backup",
        description="Group of hosts.yml with the backup host: exactly one, which alone holds storage keys.",
        examples=["backup"],
    )
    storage: BackupStorage = Field(description="The storage that the engines keep their repositories in.")
    database: DatabaseBackup = Field(description="The database of a restore point.")
    files: FilesBackup = Field(description="The files of a restore point.")
    retention: Rules = Field(Rules(), description="Which points stay when old ones are removed.")
    verify: Verification = Field(Verification(), description="How often what is stored is read again.")
    schedule: Schedule | None = Field(
        None, description="When the jobs run by themselves (`schedule install`); without it they don't."
    )
