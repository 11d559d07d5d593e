"""What `backup verify` and the log's part of `status` work with: the backup host, its storage, the engines there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from clmdeploy.backups.backup_host import AUTHORITY, direct_restic, local_pgbackrest
from clmdeploy.backups.ledgers import Ledgers
from clmdeploy.backups.parts import Layout
from clmdeploy.config.backup import Backup, BackupStorage
from clmdeploy.config.files import under
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.hosts import Host
from clmdeploy.model.signing import LateSigner
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.engine_words import EngineWords
from clmdeploy.queries.part_work import Terms
from clmdeploy.queries.stored_objects import StoredObjects
from clmdeploy.queries.verification import Tools
from clmdeploy.queries.verification_report import Watch
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
    """The backup side of an environment. Raises InvalidInput where clm.yml has no backups."""

    runtime: Runtime

    @property
    def settings(self) -> Backup:
        environment = self.runtime.environment
        if environment.settings.backup is None:
            raise InvalidInput(*_no_backup(str(environment.directory / "clm.yml")))
        return environment.settings.backup

    @property
    def storage(self) -> BackupStorage:
        """With all that it takes from the main storage."""
        return self.runtime.environment.settings.backup_storage(self.settings)

    @property
    def host(self) -> Host:
        """The backup host."""
        group = self.settings.group
        found = self.runtime.environment.group(group)
        if len(found) != 1:
            raise InvalidInput(
                Bilingual(
                    f"group {group} of hosts.yml has {len(found)} hosts: backups need exactly one",
                    f"в группе {group} файла hosts.yml узлов: {len(found)}, а для копий нужен ровно один",
                )
            )
        return found[0]

    @property
    def layout(self) -> Layout:
        below = self.storage.below
        return Layout(self.settings.database.stanza, below("pgbackrest"), below("restic"), below("pgdump"))

    @property
    def place(self) -> JsonValue:
        """The storage as acts on the backup host take it; keys are not in it."""
        storage = self.storage
        authority = under(self.runtime.environment.directory, storage.ca_file).read_text() if storage.ca_file else None
        return {
            "endpoint": storage.endpoint, "bucket": storage.bucket, "region": storage.region,
            "path_style": storage.addressing == "path", "authority": authority,
        }  # fmt: skip

    def tools(self, run: Run) -> Tools:
        """With what a verification works."""
        runtime, storage = self.runtime, self.storage
        objects = StoredObjects(runtime.hosts, runtime.environment, self.host, self.place)
        address = f"s3:{storage.endpoint}/{storage.bucket}/{self.layout.files}"
        authority = AUTHORITY if storage.ca_file else ""
        database = local_pgbackrest(self.settings.database.stanza, self.settings.database.processes)
        engines = EngineWords(objects, database, lambda host: direct_restic(host, f"{address}/{host}", authority))
        signer = LateSigner(lambda: runtime.signer)
        environment = runtime.environment
        ledgers = Ledgers(runtime.state, environment.name, environment.settings.uuid, signer, runtime.verifier)
        most_age = timedelta(days=self.settings.verify.every_days)
        terms = Terms(ledgers, self.layout, runtime.clock.now(), most_age, run.anew)
        return Tools(objects, engines, terms, runtime.clock, run.watch, run.hold, run.stop)


def _no_backup(path: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(f"{path}: backup: missing: there are no restore points here", f"{path}: backup: раздел не указан"),
        Bilingual(
            "write the section `backup` (clmdeploy config example), then: clmdeploy backup setup",
            "опишите раздел `backup` (clmdeploy config example), затем: clmdeploy backup setup",
        ),
    )
