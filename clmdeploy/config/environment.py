"""What a loaded environment is: settings, hosts, pinned keys, and the digests that a plan binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clmdeploy.config.backup import Backup
from clmdeploy.config.files import under
from clmdeploy.config.secrets import SecretReference
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import digest_of

_KEYS = {"access_key", "secret_key"}
_PERSONAL: Mapping[str, Any] = {  # Any: pydantic's own type of nested exclusions
    "storage": _KEYS,
    "trust": {"principal", "signing_key"},
    "backup": {
        "storage": {"keys": _KEYS, "archive": _KEYS, "files": _KEYS},
        "database": {"passphrase"},
        "files": {"passphrase"},
        "schedule": {"keys"},
    },
}


@dataclass(frozen=True)
class LoadedEnvironment:
    """An environment whose files have passed every check."""

    directory: Path
    settings: Environment
    hosts: tuple[Host, ...]
    host_keys: Mapping[str, tuple[str, ...]]
    """Host name to the keys it may show, each as `TYPE BASE64`."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def known_hosts(self) -> Path:
        return under(self.directory, self.settings.trust.known_hosts)

    @property
    def allowed_signers(self) -> Path:
        return under(self.directory, self.settings.trust.allowed_signers)

    @property
    def ca_file(self) -> Path | None:
        """Certificates for the storage; None: the system's."""
        return under(self.directory, self.settings.storage.ca_file) if self.settings.storage.ca_file else None

    def group(self, name: str) -> tuple[Host, ...]:
        """The hosts of one group, in the inventory's order; empty when there is none."""
        return tuple(host for host in self.hosts if name in host.groups)

    def group_names(self) -> list[str]:
        """Every group that has hosts, sorted."""
        return sorted({name for host in self.hosts for name in host.groups})

    def shown(self, *, digests: bool = False) -> dict[str, Any]:  # Any: JSON for people and pipelines
        """Effective settings and hosts as plain JSON values; a secret appears as the place where it is kept."""
        settings = self.settings.model_dump(mode="json", exclude_none=True)
        for key, reference in secret_references(self.settings).items():
            *above, name = key.split(".")
            section = settings
            for part in above:
                section = section[part]
            section[name] = reference.shown()
        hosts = [host.model_dump(mode="json", exclude_none=True) for host in self.hosts]
        shown: dict[str, Any] = {"settings": settings, "hosts": hosts}
        if digests:
            shown["digests"] = {"settings": self.settings_digest, "inventory": self.inventory_digest}
        return shown

    @property
    def settings_digest(self) -> str:
        """Digest of the effective settings: comments, order and defaults written out don't change it.

        Without who works here and where they keep their keys: that differs between control nodes, and a plan that one
        administrator made is approved and applied by others. Without `notify`: who is told changes nothing of what is
        done.
        """
        return digest_of(self.settings.model_dump(mode="json", exclude={**_PERSONAL, "notify": True}))

    @property
    def inventory_digest(self) -> str:
        """Digest of the hosts, how they are reached and the keys they must show.

        Without identity files: where an administrator keeps their own key differs between control nodes, and changes
        neither the host nor what is done there.
        """
        hosts = [host.model_dump(mode="json", exclude={"identity_file"}) for host in self.hosts]
        return digest_of({"hosts": hosts, "host_keys": {name: sorted(keys) for name, keys in self.host_keys.items()}})


def secret_references(settings: Environment) -> Mapping[str, SecretReference]:
    """Key path to reference, for every secret that the settings point to."""
    found = {"storage.access_key": settings.storage.access_key, "storage.secret_key": settings.storage.secret_key}
    if settings.trust.signing_key:
        found["trust.signing_key"] = settings.trust.signing_key
    if settings.notify and settings.notify.mail and settings.notify.mail.password:
        found["notify.mail.password"] = settings.notify.mail.password
    return found | (_of_backup(settings.backup) if settings.backup else {})


def _of_backup(backup: Backup) -> dict[str, SecretReference]:
    found = {
        "backup.database.passphrase": backup.database.passphrase,
        "backup.files.passphrase": backup.files.passphrase,
    }
    pairs = {"keys": backup.storage.keys, "archive": backup.storage.archive, "files": backup.storage.files}
    for name, pair in pairs.items():
        if pair is not None:
            found[f"backup.storage.{name}.access_key"] = pair.access_key
            found[f"backup.storage.{name}.secret_key"] = pair.secret_key
    keys = backup.schedule.keys if backup.schedule else None
    if keys is not None:
        names = ("signing_key", "ssh_key", "access_key", "secret_key")
        found |= {f"backup.schedule.keys.{name}": getattr(keys, name) for name in names}
    return found
