"""The release bucket: published releases, immutable, each whole or not there.

    NAME/VERSION/bundle-DIGEST8.tar.gz       DIGEST8 of the bundle
    NAME/VERSION/release-DIGEST8.json.sig    DIGEST8 of release.json
    NAME/VERSION/release.json                written last, and only if absent: it makes the release exist

Bundle and signature carry digests in their keys, so that a publish that was killed, or two at once, never mix.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import Conflict, InvalidInput
from clmdeploy.model.signing import Namespace, Verifier
from clmdeploy.model.value import sha256_hex
from clmdeploy.model.version import Version
from clmdeploy.releases import archive
from clmdeploy.releases.built import Built, verify
from clmdeploy.releases.manifest import Release
from clmdeploy.releases.record import LARGEST, from_bytes

_NEIGHBOURS = 3  # versions named on either side of one that isn't there
_POOR_STORAGE = "this storage has no conditional writes: two publishes of one version at the same time are not detected"


@dataclass(frozen=True)
class Published:
    """A release as it was fetched: its record is verified, `principal` signed it."""

    release: Release
    document: bytes
    signature: bytes
    principal: str
    published: datetime | None = None
    """when, by the storage's clock, where it tells"""


@dataclass(frozen=True)
class Publication:
    """What a publish did. `fresh` is False when these very bytes were published before."""

    release: Release
    principal: str
    fresh: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """Publishes to and fetches from one release bucket. Trusts what the verifier trusts."""

    store: ObjectStore
    verifier: Verifier

    def publish(self, built: Built, signature: bytes) -> Publication:
        """Check `built` and its signature, then make it exist. Publishing the same bytes again does nothing.

        Raises InvalidInput when the bundle is not what its record says, when the signature is not trusted here (then
        nobody could install it), or when this version was published with other bytes.
        """
        release = built.release
        principal = verify(built, signature, self.verifier)
        if self._is_published(built):
            self._complete(built, signature)
            return Publication(release, principal, fresh=False)
        self.store.upload(bundle_key(release), built.bundle)
        self.store.put(_signature_key(release, built.document), signature)
        fresh = self._announce(built)
        return Publication(release, principal, fresh, () if self.store.conditional_writes else (_POOR_STORAGE,))

    def versions(self, name: str) -> list[Version]:
        """The published versions of `name`, lowest first."""
        found = (_version_of(key, name) for key in self.store.keys(f"{name}/"))
        return sorted(version for version in found if version is not None)

    def fetch(self, name: str, version: Version) -> Published:
        """The record of one release, its signature verified. The bundle is not read.

        Raises InvalidInput when there is no such release (naming the nearest ones), or when what is published is
        damaged, misplaced, or not signed by a trusted key.
        """
        key = record_key(name, version)
        try:
            stored = self.store.get(key, LARGEST)
        except Missing as error:
            raise self._unknown(name, version) from error
        release, document = from_bytes(stored.body, key), stored.body
        if (release.manifest.name, release.version) != (name, version):
            said = f"{release.manifest.name} {release.version}"
            raise InvalidInput(f"{key}: is the record of {said}", "somebody moved it there: find out who")
        signature = self._signature(release, document)
        principal = self.verifier.verify(Namespace.RELEASE, document, signature)
        return Published(release, document, signature, principal, stored.modified)

    def download(self, release: Release, to: Path) -> None:
        """The bundle of `release` into the file `to`, checked member by member.

        Raises InvalidInput, and leaves no file, when it is missing or not what `release` says.
        """
        try:
            self.store.download(bundle_key(release), to)
            archive.check(to, release)
        except Missing as error:
            raise InvalidInput(f"{bundle_key(release)}: the bundle is missing", "publish the release again") from error
        except InvalidInput:
            to.unlink(missing_ok=True)
            raise

    def _complete(self, built: Built, signature: bytes) -> None:
        """Put back what a published release lost; also how a release gets a new signature when a key was retired."""
        try:
            stored = self._signature(built.release, built.document)
            self.verifier.verify(Namespace.RELEASE, built.document, stored)
        except InvalidInput:
            self.store.put(_signature_key(built.release, built.document), signature)
        key = bundle_key(built.release)
        if key not in self.store.keys(key):
            self.store.upload(key, built.bundle)

    def _is_published(self, built: Built) -> bool:
        key = record_key(built.release.manifest.name, built.release.version)
        try:
            present = self.store.get(key, LARGEST).body
        except Missing:
            return False
        if present == built.document:
            return True
        raise InvalidInput(
            f"{key}: was published with other bytes: its SHA-256 is {sha256_hex(present)}, "
            f"that of {built.bundle.name} would be {sha256_hex(built.document)}",
            "a published version never changes: raise the version in release.yml and build again",
        )

    def _announce(self, built: Built) -> bool:
        """The last step of a publish; True unless somebody published the same bytes meanwhile."""
        key = record_key(built.release.manifest.name, built.release.version)
        if not self.store.conditional_writes and self._is_published(built):
            return False
        try:
            self.store.put(key, built.document, only_if_absent=True)
        except Conflict:
            return not self._is_published(built)
        return True

    def _signature(self, release: Release, document: bytes) -> bytes:
        key = _signature_key(release, document)
        try:
            return self.store.get(key).body
        except Missing as error:
            raise InvalidInput(f"{key}: the signature is missing", "publish the same build again to sign it") from error

    def _unknown(self, name: str, version: Version) -> InvalidInput:
        versions = self.versions(name)
        if not versions:
            return InvalidInput(f"no release of {name} is published", "publish one: clmdeploy release publish")
        at = bisect.bisect(versions, version)
        near = ", ".join(str(other) for other in versions[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS])
        return InvalidInput(f"release {name} {version} is not published", f"the nearest that are: {near}")


def bundle_key(release: Release) -> str:
    """Where the bundle lies in the release bucket: what hosts get a presigned URL for."""
    return f"{release.manifest.name}/{release.version}/bundle-{release.bundle.sha256[:8]}.tar.gz"


def record_key(name: str, version: Version) -> str:
    """Where release.json lies in the release bucket."""
    return f"{name}/{version}/release.json"


def _signature_key(release: Release, document: bytes) -> str:
    return f"{release.manifest.name}/{release.version}/release-{sha256_hex(document)[:8]}.json.sig"


def _version_of(key: str, name: str) -> Version | None:
    parts = key.removeprefix(f"{name}/").split("/")
    if len(parts) != 2 or parts[1] != "release.json":
        return None
    try:
        return Version(parts[0])
    except ValueError:
        return None  # somebody else's object: listed by no name of ours
