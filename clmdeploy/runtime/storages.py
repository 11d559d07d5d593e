"""The buckets of one environment, each spoken to as its storage was found to understand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.files import under
from clmdeploy.config.secrets import resolve

if TYPE_CHECKING:
    from clmdeploy.adapters.s3 import S3Store
    from clmdeploy.adapters.s3_client import S3Connection
    from clmdeploy.config.backup import Backup, Keys
    from clmdeploy.config.settings import Storage
    from clmdeploy.model.storage import KeyRights, StorageProfile
    from clmdeploy.queries.storage_profiles import Profiles

BUCKETS = ("storage.state_bucket", "storage.release_bucket", "backup.storage.bucket")
BackupKeys = Literal["keys", "archive", "files"]


@dataclass(frozen=True)
class StorageReach:
    """Stores, each made when it is first needed."""

    environment: LoadedEnvironment
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def state(self) -> S3Store:
        """The state bucket. Nothing is presumed of its storage: without conditional writes no lease is ever taken."""
        return self._store(self._connection, self.environment.settings.storage.state_bucket, "storage.state_bucket")

    @cached_property
    def releases(self) -> S3Store:
        """The release bucket."""
        return self._adapted(self._releases)

    @property
    def _releases(self) -> S3Store:
        name = self.environment.settings.storage.release_bucket
        return self._store(self._connection, name, "storage.release_bucket")

    def backups(self, backup: Backup, whose: BackupKeys = "keys") -> S3Store:
        """The bucket of the engines' repositories, with the keys of the jobs or of a server."""
        return self._adapted(self._backups(backup, whose))

    def probe(self, setting: str) -> StorageProfile:
        """What the bucket of a setting can do. Raises as S3Store.probe_profile does."""
        backup = self.environment.settings.backup
        if setting == "backup.storage.bucket" and backup is not None:
            return self._backups(backup, "keys").probe_profile(backup.storage.prefix)
        return (self.state if setting == "storage.state_bucket" else self._releases).probe_profile()

    def backup_key_rights(self) -> dict[str, KeyRights]:
        """What the keys may do that servers on the backup host use for others. Raises as `probe` does."""
        from clmdeploy.model.storage import KeyRights

        backup = self.environment.settings.backup
        if backup is None:
            return {}
        storage, found = backup.storage, {}
        for whose, keys, place in (("archive", storage.archive, "pgbackrest"), ("files", storage.files, "restic")):
            if keys is None:
                found[whose] = KeyRights(own=False)
            else:
                store = self._backups(backup, "archive" if whose == "archive" else "files")
                found[whose] = KeyRights(own=True, may_delete=store.may_delete(storage.below(place)))
        return found

    @cached_property
    def profiles(self) -> Profiles:
        """What the buckets were last found to do."""
        from clmdeploy.queries.storage_profiles import Profiles

        return Profiles(self.state, self.environment.name)

    def keep_profile(self, setting: str, profile: StorageProfile) -> None:
        """Let later work adapt to it. Raises StoreUnavailable."""
        from clmdeploy.adapters.clock import SystemClock
        from clmdeploy.queries.storage_profiles import BucketName

        settings = self.environment.settings
        if setting == "backup.storage.bucket" and settings.backup is not None:
            storage = settings.backup_storage(settings.backup)
            name = BucketName(str(storage.endpoint), storage.bucket)
        else:
            name = BucketName(settings.storage.endpoint, getattr(settings.storage, setting.partition(".")[2]))
        self.profiles.keep(name, profile, SystemClock().now())

    def _adapted(self, store: S3Store) -> S3Store:
        from clmdeploy.queries.storage_profiles import BucketName

        profile = self.profiles.find(BucketName(store.connection.endpoint, store.bucket))
        return store if profile is None else store.adapted(profile)

    def _store(self, connection: S3Connection, name: str, setting: str) -> S3Store:
        from clmdeploy.adapters.s3 import S3Store

        return S3Store(connection, name, setting)

    def _backups(self, backup: Backup, whose: BackupKeys) -> S3Store:
        storage = self.environment.settings.backup_storage(backup)
        own = {"keys": storage.keys, "archive": storage.archive, "files": storage.files}[whose]
        setting, keys = ("keys", storage.keys) if own is None else (whose, own)
        authority = under(self.environment.directory, storage.ca_file) if storage.ca_file else None
        place = _Place(str(storage.endpoint), str(storage.region), authority, storage.addressing or "path")
        connection = self._connect(place, keys, f"backup.storage.{setting}")
        store = self._store(connection, storage.bucket, "backup.storage.bucket")
        return replace(store, keys_setting=f"backup.storage.{setting}")

    @cached_property
    def _connection(self) -> S3Connection:
        storage = self.environment.settings.storage
        place = _Place(storage.endpoint, storage.region, self.environment.ca_file, storage.addressing)
        return self._connect(place, storage, "storage")

    def _connect(self, place: _Place, keys: Keys | Storage, setting: str) -> S3Connection:
        from clmdeploy.adapters.s3_client import S3Connection

        directory = self.environment.directory
        return S3Connection(
            endpoint=place.endpoint,
            access_key=resolve(keys.access_key, directory, self.environ, key=f"{setting}.access_key"),
            secret_key=resolve(keys.secret_key, directory, self.environ, key=f"{setting}.secret_key"),
            region=place.region, ca_file=place.ca_file, addressing=place.addressing,
        )  # fmt: skip


class _Place(NamedTuple):
    endpoint: str
    region: str
    ca_file: Path | None
    addressing: Literal["path", "virtual"]
