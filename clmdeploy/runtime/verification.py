"""What `backup verify` and the log's part of `status` work with: the backup host, its storage, the engines there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from clmdeploy.backups import layout
from clmdeploy.backups.host_files import files_on_backup_host, stanza_on_backup_host
from clmdeploy.backups.ledgers import Ledgers
from clmdeploy.backups.parts import StorageMap
from clmdeploy.backups.restic import Restic
from clmdeploy.config.backup import Backup
from clmdeploy.config.backup_hosts import backup_of, parties
from clmdeploy.config.files import under
from clmdeploy.model.signing import LateSigner
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.engine_words import EngineWords
from clmdeploy.queries.part_work import Terms
from clmdeploy.queries.stored_objects import StoredObjects
from clmdeploy.queries.verification import Tools
from clmdeploy.queries.verification_report import Watch
from clmdeploy.queries.wal import LogWatch
from clmdeploy.runtime import Runtime


@dataclass(frozen=True)
class Run:
    """One verification. `hold` raises when this process may go on no longer; `stop` tells why it should end."""

    watch: Watch
    hold: Callable[[], None]
    stop: Callable[[], str]
    anew: bool = False


@dataclass(frozen=True)
class BackupReach:
    """The backup side of an environment. Raises UsageError where clm.yml has no backups."""

    runtime: Runtime

    @cached_property
    def settings(self) -> Backup:
        """The section of clm.yml."""
        return backup_of(self.runtime.environment)

    @cached_property
    def placed(self) -> layout.Layout:
        """Where everything lies on hosts."""
        environment = self.runtime.environment
        return layout.Layout(environment.settings, self.settings, parties(environment))

    @property
    def map(self) -> StorageMap:
        """Where everything lies in the bucket."""
        below = self.placed.store.below
        return StorageMap(self.settings.database.stanza, below("pgbackrest"), below("restic"))

    @property
    def place(self) -> JsonValue:
        """The storage as acts on the backup host take it; keys are not in it."""
        storage = self.placed.store
        authority = under(self.runtime.environment.directory, storage.ca_file).read_text() if storage.ca_file else None
        return {
            "endpoint": storage.endpoint, "bucket": storage.bucket, "region": storage.region,
            "path_style": storage.addressing == "path", "authority": authority,
        }  # fmt: skip

    def tools(self, run: Run) -> Tools:
        """With what a verification works."""
        runtime = self.runtime
        objects = StoredObjects(runtime.hosts, runtime.environment, self.placed.parties.backup, self.place)
        database = stanza_on_backup_host(self.settings.database.stanza, self.settings.database.processes)
        engines = EngineWords(objects, database, self._files)
        signer = LateSigner(lambda: runtime.signer)
        environment = runtime.environment
        ledgers = Ledgers(runtime.state, environment.name, environment.settings.uuid, signer, runtime.verifier)
        most_age = timedelta(days=self.settings.verify.every_days)
        terms = Terms(ledgers, self.map, runtime.clock.now(), most_age, run.anew)
        return Tools(objects, engines, terms, runtime.clock, run.watch, run.hold, run.stop, self.placed.dump_store)

    @property
    def log_watch(self) -> LogWatch | None:
        """What looks whether the log is archived; None where dumps are made, which need none."""
        environment, database = self.runtime.environment, self.settings.database
        if database.engine != "pgbackrest":
            return None
        objects = StoredObjects(self.runtime.hosts, environment, self.placed.parties.backup, self.place)
        uuid = environment.settings.uuid
        return LogWatch(self.runtime.hosts, uuid, self.placed.parties, database, self.map, objects.reach)

    def _files(self, host: str) -> Restic:
        """A host's repository, as the jobs reach it: without the gateway."""
        authority = self.placed.storage_ca(layout.BACKUP)
        return files_on_backup_host(self.placed.stored_repository_of(host), host, authority)
