"""The lab's S3 server as a client sees it. The only module of the lab that imports boto3, and only when called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from clmdeploy.lab.facts import RELEASE_BUCKET, S3_REGION, STATE_BUCKET, LabFacts
from clmdeploy.lab.machine import LabError
from clmdeploy.model.secret import Secret


@dataclass(frozen=True)
class StorageAccess:
    """One identity's way to the S3 server (path-style addressing, HTTPS)."""

    endpoint: str
    ca_file: Path
    access_key: str
    secret_key: Secret
    region: str = S3_REGION
    state_bucket: str = STATE_BUCKET
    release_bucket: str = RELEASE_BUCKET

    @classmethod
    def operator(cls, facts: LabFacts) -> Self:
        """May read, write and list the two buckets, nothing else."""
        return cls._of(facts, facts.credentials.operator_access_key, facts.credentials.operator_secret_key)

    @classmethod
    def admin(cls, facts: LabFacts) -> Self:
        """May do everything; the lab itself makes buckets with it."""
        return cls._of(facts, facts.credentials.admin_access_key, facts.credentials.admin_secret_key)

    @classmethod
    def backup(cls, facts: LabFacts) -> Self:
        """The key of the backup host's jobs: may do everything in the backup bucket but touch older versions."""
        return cls._of(facts, facts.credentials.backup_access_key, facts.credentials.backup_secret_key)

    @classmethod
    def archive(cls, facts: LabFacts) -> Self:
        """What database hosts reach: may read and add below pgbackrest/, not delete."""
        return cls._of(facts, facts.credentials.archive_access_key, facts.credentials.archive_secret_key)

    @classmethod
    def files(cls, facts: LabFacts) -> Self:
        """The gateway's key: may read and add below restic/, and delete nothing but locks."""
        return cls._of(facts, facts.credentials.files_access_key, facts.credentials.files_secret_key)

    @classmethod
    def schedule(cls, facts: LabFacts) -> Self:
        """The key of scheduled jobs: reads and adds in the state bucket, reads releases, deletes nothing."""
        return cls._of(facts, facts.credentials.schedule_access_key, facts.credentials.schedule_secret_key)

    @classmethod
    def _of(cls, facts: LabFacts, access_key: str, secret_key: str) -> Self:
        if facts.s3_endpoint is None:
            raise LabError(f"lab {facts.record.spec.name} has no S3 server", "take it up with store=True")
        return cls(facts.s3_endpoint, facts.authority.certificate, access_key, Secret(secret_key))

    def client(self) -> Any:  # Any: boto3 makes its clients at run time
        """A boto3 S3 client with short time limits and no retries: a lab either answers or is broken on purpose."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            verify=str(self.ca_file),
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key.reveal(),
            config=Config(
                connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )


def buckets_of(access: StorageAccess) -> frozenset[str] | None:
    """The names of all buckets; None while the server does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        listed = access.client().list_buckets()
    except (BotoCoreError, ClientError):
        return None
    return frozenset(bucket["Name"] for bucket in listed["Buckets"])


def create_bucket(access: StorageAccess, name: str) -> None:
    """Raises LabError when the server refuses."""
    with _refusals(access, name):
        access.client().create_bucket(Bucket=name)


def create_locked_bucket(access: StorageAccess, name: str) -> None:
    """A versioned bucket that gives no version up before it is a day old, whoever asks. Raises LabError when the
    server refuses.
    """
    retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    with _refusals(access, name):
        client = access.client()
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        client.put_object_lock_configuration(
            Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )


@contextmanager
def _refusals(access: StorageAccess, bucket: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LabError(f"bucket {bucket} can't be made at {access.endpoint}: {error}") from error
