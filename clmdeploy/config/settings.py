"""clm.yml: the settings of one environment. The schema is the documentation.

Every field says what it is for and shows an example: `config example`, `init` and docs/configuration.md are generated
from here. Durations are whole seconds; relative paths are relative to the directory of clm.yml.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from clmdeploy.config.approvals import Approvals
from clmdeploy.config.backup import Backup, BackupStorage
from clmdeploy.config.fields import (
    AbsolutePath,
    BackendName,
    Batch,
    Bucket,
    Endpoint,
    FilePath,
    Group,
    Name,
    Principal,
    Region,
    TimeZone,
    UserName,
    UuidText,
    count,
    seconds,
)
from clmdeploy.config.notify import Notify
from clmdeploy.config.secrets import SecretReference
from clmdeploy.model.value import Value

FailurePolicy = Literal["stop", "take-back-batch", "take-back-all", "tolerate"]


class Install(Value):
    """Where releases live on the hosts."""

    root: AbsolutePath = Field(
        "/opt/clm",
        description="Directory on every host that holds releases/, current and shared/.",
        examples=["/opt/clm"],
    )
    user: UserName = Field(
        "clm", description="Unix account that the units and hooks of a release run as.", examples=["clm"]
    )
    keep_releases: int = count(
        5, "Releases kept on a host; current, previous and pinned ones are never pruned.", least=2, most=100
    )


class Storage(Value):
    """The S3-compatible storage of releases, journal and leases."""

    endpoint: Endpoint = Field(
        description="Address of the storage: https, with a port where it isn't 443.",
        examples=["https://s3.example.com:8334"],
    )
    region: Region = Field("us-east-1", description="Region that requests are signed for.", examples=["us-east-1"])
    ca_file: FilePath | None = Field(
        None,
        description="Certificates (PEM) that the storage's own is checked with; default: the system's.",
        examples=["ca.pem"],
    )
    addressing: Literal["path", "virtual"] = Field(
        "path", description="path: https://HOST/BUCKET/KEY. virtual: https://BUCKET.HOST/KEY.", examples=["path"]
    )
    state_bucket: Bucket = Field(
        description="Bucket of plans, journal and leases. Its storage must honour conditional writes.",
        examples=["clm-state"],
    )
    release_bucket: Bucket = Field(description="Bucket of published releases.", examples=["clm-releases"])
    access_key: SecretReference = Field(
        description="Access key of this control node: {env: NAME}, {file: PATH} or a !vault value.",
        examples=[{"env": "CLM_S3_ACCESS_KEY"}],
    )
    secret_key: SecretReference = Field(
        description="Its secret key: {env: NAME}, {file: PATH} or a !vault value.",
        examples=[{"env": "CLM_S3_SECRET_KEY"}],
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.state_bucket == self.release_bucket:
            # Their rights differ: a release is written once by a pipeline, state all the time by control nodes.
            raise ValueError("state_bucket and release_bucket must be two buckets")
        return self


class Trust(Value):
    """Whom to believe: OpenSSH's own files."""

    known_hosts: FilePath = Field(
        "known_hosts",
        description="Pinned host keys, in OpenSSH's format, without marker lines.",
        examples=["known_hosts"],
    )
    allowed_signers: FilePath = Field(
        "allowed_signers",
        description="Who may sign releases, plans and approvals (ssh-keygen(1), ALLOWED SIGNERS).",
        examples=["allowed_signers"],
    )
    principal: Principal | None = Field(
        None,
        description="Who signs here: a principal of allowed_signers. Needed with signing_key.",
        examples=["ivanova@example.com"],
    )
    signing_key: SecretReference | None = Field(
        None,
        description="Private key (or the public half of one held by ssh-agent) to sign with; without it this control "
        "node only reads.",
        examples=[{"file": "secrets/signing-key"}],
    )

    @model_validator(mode="after")
    def _named_signer(self) -> Self:
        if self.signing_key is not None and self.principal is None:
            raise ValueError("signing_key needs principal: say whose key it is")
        return self


class Lease(Value):
    """How long a control node that fell silent is waited for."""

    time_to_live: int = seconds(
        30, "Seconds without a heartbeat after which its lease counts as expired; it stops at half of it.", least=5,
        most=600,
    )  # fmt: skip


class Balancer(Value):
    """The haproxy in front of the application hosts; its servers bear the hosts' inventory names."""

    group: Group = Field("lb", description="Group of hosts.yml that the balancers are in.", examples=["lb"])
    socket: AbsolutePath = Field(
        "/run/haproxy/admin.sock", description="haproxy's admin socket there.", examples=["/run/haproxy/admin.sock"]
    )
    backends: dict[Group, BackendName] = Field(
        min_length=1,
        max_length=32,
        description="Which haproxy backend serves which group of hosts.yml.",
        examples=[{"app": "clm_web"}],
    )
    drain_limit: int = seconds(30, "Longest wait for a host's open requests to end, in seconds.", least=1, most=3600)


class Rollout(Value):
    """How a release goes across the hosts."""

    canary: int = count(1, "Hosts of a group that get the release before all others; 0: no canary.", most=100)
    batch: Batch = Field(
        1, description='Hosts at once after the canary: a number, or a share of the group like "25%".', examples=["25%"]
    )
    soak: int = seconds(30, "Watch the canary this long before going on, in seconds.", most=86400)
    hotfix_soak: int = seconds(5, "The same with --hotfix, in seconds.", most=86400)
    on_failure: FailurePolicy = Field(
        "take-back-all",
        description="stop: leave all as it is. take-back-batch: the failed batch goes back. take-back-all: every host "
        "goes back. tolerate: go on while at most `tolerate` hosts have failed.",
        examples=["take-back-all"],
    )
    tolerate: int = count(0, "Failed hosts that `on_failure: tolerate` accepts.", most=100)

    @model_validator(mode="after")
    def _tolerance(self) -> Self:
        if (self.on_failure == "tolerate") != (self.tolerate > 0):
            raise ValueError("tolerate above 0 and on_failure: tolerate go together")
        return self

    def hosts_at_once(self, total: int) -> int:
        """Hosts of one batch in a group of `total`: a share is rounded down, but never below one."""
        if isinstance(self.batch, int):
            return self.batch
        return max(1, total * int(self.batch.removesuffix("%")) // 100)


class Environment(Value):
    """The settings of one environment: inventories/NAME/clm.yml."""

    format: Literal["environment/1"] = Field(description="Version of this file's format.", examples=["environment/1"])
    name: Name = Field(description="Name of the environment: that of the directory.", examples=["production"])
    uuid: UuidText = Field(
        description="Identity of the environment, also in the bucket and on the hosts: a mismatch refuses.",
        examples=["5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10"],
    )
    application: Name = Field(description="Name of the releases that are installed here.", examples=["clm"])
    time_zone: TimeZone = Field(
        "Europe/Moscow",
        description="Zone that times are shown in and windows are meant in.",
        examples=["Europe/Moscow"],
    )
    install: Install = Field(Install(), description="Where releases live on the hosts.")
    storage: Storage = Field(description="The S3-compatible storage of releases, journal and leases.")
    trust: Trust = Field(Trust(), description="Whom to believe: OpenSSH's own files.")
    lease: Lease = Field(Lease(), description="How long a control node that fell silent is waited for.")
    approvals: Approvals = Field(Approvals(), description="How many other people must approve a deploy.")
    balancer: Balancer | None = Field(
        None, description="The haproxy in front of the application hosts; without it nothing is drained."
    )
    rollout: Rollout = Field(Rollout(), description="How a release goes across the hosts.")
    notify: Notify | None = Field(None, description="Who is told of a change that went wrong while nobody watched.")
    backup: Backup | None = Field(None, description="Restore points; without it there are none.")

    def backup_storage(self, backup: Backup) -> BackupStorage:
        """Where `backup` is stored, with all that it takes from `storage` filled in."""
        own, main = backup.storage, self.storage
        elsewhere = own.endpoint not in (None, main.endpoint)
        return own.model_copy(
            update={
                "endpoint": own.endpoint or main.endpoint,
                "region": own.region or main.region,
                "ca_file": own.ca_file or (None if elsewhere else main.ca_file),
                "addressing": own.addressing or main.addressing,
            }
        )
