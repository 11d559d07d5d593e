"""Releases as the hosts hold them: what can be rolled back to while the release bucket is out of reach.

A host keeps the record of each release with the signature under which it was published, so that it is believed for the
same reason as ever: because a trusted key signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, InvalidInput
from clmdeploy.model.packed import unpacked
from clmdeploy.model.signing import Namespace, Verifier
from clmdeploy.model.version import Version
from clmdeploy.releases.catalogue import Published
from clmdeploy.releases.record import LARGEST, from_bytes


class Releases(Protocol):
    """Where a release's record comes from: the catalogue in the bucket, or the hosts."""

    def fetch(self, name: str, version: Version) -> Published:
        """A record whose signature was verified. Raises InvalidInput."""


@dataclass(frozen=True)
class HostReleases:
    """What the hosts of one environment hold."""

    performer: Performer
    environment: LoadedEnvironment
    verifier: Verifier

    def fetch(self, name: str, version: Version) -> Published:
        """As the catalogue does. Raises InvalidInput when no host holds it, or two hold different ones."""
        found = self._records(version)
        if not found:
            raise InvalidInput(*_nobody_holds(self.environment.name, f"{name} {version}"))
        if len(found) > 1:
            names = ", ".join(sorted({directory for directory, _, _ in found}))
            raise InvalidInput(*_different(str(version), names))
        ((directory, document, signature),) = found
        release = from_bytes(document, f"the record of {directory} on the hosts")
        if (release.manifest.name, release.directory) != (name, directory):
            raise InvalidInput(_of_another(directory, f"{release.manifest.name} {release.directory}"))
        principal = self.verifier.verify(Namespace.RELEASE, document, signature)
        return Published(release, document, signature, principal)

    def _records(self, version: Version) -> set[tuple[str, bytes, bytes]]:
        outcomes = self.performer.perform(self._asks(version), lambda _key, _outcome: None)
        if not any(outcome.is_done for outcome in outcomes.values()):
            raise HostUnreachable(lines(outcome.complaint(name) for name, outcome in outcomes.items()))
        return {
            (directory, _unpacked(one["record"], directory), str(one["signature"]).encode())
            for outcome in outcomes.values()
            if outcome.is_done
            for directory, one in outcome.result["releases"].items()
        }

    def _asks(self, version: Version) -> list[Guarded]:
        arguments = {"root": self.environment.settings.install.root, "version": str(version)}
        return [
            Guarded(
                key=host.name, host=host, environment=self.environment.settings.uuid, guard="ask", act="releases",
                verb="ask", arguments=dict(arguments),
            )
            for host in self.environment.hosts
        ]  # fmt: skip


def _unpacked(packed: str, directory: str) -> bytes:
    """Bounded: what a host says is not believed before its signature is."""
    try:
        return unpacked(packed, LARGEST)
    except ValueError as error:
        raise InvalidInput(
            Bilingual(
                f"the record of {directory} on the hosts can't be read: {error}",
                f"описание {directory} на узлах не читается: {error}",
            )
        ) from error


def _nobody_holds(environment: str, release: str) -> tuple[str, str]:
    return (
        Bilingual(f"no host of {environment} holds {release}", f"ни на одном узле среды {environment} нет {release}"),
        Bilingual(
            "without the storage only a release that the hosts hold can be rolled back to",
            "без хранилища вернуться можно только к релизу, который есть на узлах",
        ),
    )


def _different(version: str, directories: str) -> tuple[str, str]:
    return (
        Bilingual(
            f"the hosts hold different releases {version}: {directories}",
            f"на узлах разные релизы {version}: {directories}",
        ),
        Bilingual("wait for the storage", "дождитесь хранилища"),
    )


def _of_another(directory: str, release: str) -> str:
    return Bilingual(
        f"the record of {directory} on the hosts is that of {release}",
        f"описание {directory} на узлах относится к {release}",
    )
