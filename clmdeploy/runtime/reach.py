"""What reaches the world from one environment: buckets, hosts, keys, this machine's own files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.config.secrets import resolve
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Signer
from clmdeploy.runtime.storages import StorageReach

if TYPE_CHECKING:
    from clmdeploy.adapters.ansible import PlaybookPerformer
    from clmdeploy.adapters.connections import Connections
    from clmdeploy.adapters.directory import DirectoryStore
    from clmdeploy.adapters.engines import EnginePerformer
    from clmdeploy.adapters.openssh import OpenSshVerifier
    from clmdeploy.adapters.outbox import DirectoryOutbox
    from clmdeploy.adapters.ssh import SshPerformer


def verifier_of(allowed_signers: Path) -> OpenSshVerifier:
    """Trusts the signers of one file, without any environment."""
    from clmdeploy.adapters.openssh import OpenSshVerifier

    return OpenSshVerifier(allowed_signers)


@dataclass(frozen=True)
class Reach(StorageReach):
    """Concrete adapters, each made when it is first needed."""

    @cached_property
    def clock(self):  # type: ignore[no-untyped-def]  # SystemClock, imported late
        from clmdeploy.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def connections(self) -> Connections:
        from clmdeploy.adapters.connections import Connections

        return Connections(self.environment.known_hosts)

    @cached_property
    def hosts(self) -> SshPerformer:
        """Asks and acts on single hosts."""
        from clmdeploy.adapters.ssh import SshPerformer

        return SshPerformer(self.connections)

    @cached_property
    def engines(self) -> EnginePerformer:
        """Lets backup engines work on single hosts."""
        from clmdeploy.adapters.engines import EnginePerformer
        from clmdeploy.backups.works import WORKS

        return EnginePerformer(self.hosts, WORKS, self.clock)

    @cached_property
    def playbooks(self) -> PlaybookPerformer:
        """Acts on many hosts through playbooks."""
        from clmdeploy.adapters.ansible import PlaybookPerformer

        return PlaybookPerformer(self.environment.known_hosts)

    @cached_property
    def verifier(self) -> OpenSshVerifier:
        from clmdeploy.adapters.openssh import OpenSshVerifier

        return OpenSshVerifier(self.environment.allowed_signers)

    @cached_property
    def signer(self) -> Signer:
        """Raises InvalidInput when this control node has no signing key."""
        from clmdeploy.adapters.openssh import OpenSshSigner

        trust = self.environment.settings.trust
        if trust.signing_key is None:
            raise InvalidInput(*_unsigned_words(f"{self.environment.directory / 'clm.yml'}: trust.signing_key"))
        path = trust.signing_key.path(self.environment.directory)
        key = path or resolve(trust.signing_key, self.environment.directory, self.environ, key="trust.signing_key")
        return OpenSshSigner(key)

    @cached_property
    def own_directory(self) -> Path:
        """What this account keeps of the environment on this machine."""
        import platformdirs

        return platformdirs.user_state_path("clmdeploy") / self.environment.settings.uuid

    @cached_property
    def journal_copy(self) -> DirectoryStore:
        """What this control node has written into the journal, for when the storage is silent."""
        from clmdeploy.adapters.directory import DirectoryStore

        return DirectoryStore(self.own_directory / "copy")

    @cached_property
    def outbox(self) -> DirectoryOutbox:
        """Where notices wait that could not be handed over."""
        from clmdeploy.adapters.outbox import DirectoryOutbox

        return DirectoryOutbox(self.own_directory / "notices")

    def close(self) -> None:
        """Close what was opened."""
        if "connections" in self.__dict__:
            self.connections.close()
        if "playbooks" in self.__dict__:
            self.playbooks.close()


def _unsigned_words(setting: str) -> tuple[str, str]:
    return (
        Bilingual(
            f"{setting}: missing: plans and journal are signed", f"{setting}: не указан, а планы и журнал подписываются"
        ),
        Bilingual(
            "name a key of allowed_signers there; `clmdeploy init --generate-signing-key` makes one",
            "укажите там ключ из allowed_signers; создать ключ: `clmdeploy init --generate-signing-key`",
        ),
    )
