"""Built releases on disk: which signature belongs to one, and whether it may be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.releases import archive
from clmdeploy.releases.built import Built, load_built, sign, signature_path
from clmdeploy.releases.built import verify as verify_signed

_LARGEST_SIGNATURE = 64 * 1024


@dataclass(frozen=True)
class Verified:
    """A bundle that is what its record says. `signer` is None when no signature was checked."""

    built: Built
    signature: Path | None
    signer: str | None


def verify_file(bundle: Path, signature: Path | None, trusted: Verifier | None) -> Verified:
    """Check a bundle member by member, and its signature: `signature`, or that which lies beside.

    Without `trusted` a signature is found, but not checked. Raises InvalidInput when anything is not as it must be.
    """
    built = load_built(bundle)
    found = signature or _beside(built)
    if found is None or trusted is None:
        archive.check(built.bundle, built.release)
        return Verified(built, found, None)
    return Verified(built, found, verify_signed(built, _read(found), trusted))


def load_for(bundle: Path, application: str, environment: str) -> Built:
    """A built release that can be published for this environment. Raises InvalidInput for another application's."""
    built = load_built(bundle)
    name = built.release.manifest.name
    if name != application:
        raise InvalidInput(
            f"{bundle}: is a release of {name}, but {environment} installs {application}",
            "correct `name` in release.yml, or `application` in clm.yml",
        )
    return built


def signature_for(built: Built, given: Path | None, signer: Callable[[], Signer], trusted: Verifier) -> bytes:
    """The signature `given`, else that which lies beside, else one that is made now and left beside.

    Raises InvalidInput when a file can't be read, was made for another build, or the signing key can't be used.
    """
    found = given or _beside(built)
    if found is None:
        return sign(built, signer())
    signature = _read(found)
    try:
        trusted.verify(Namespace.RELEASE, built.document, signature)
    except InvalidInput as error:
        hint = error.hint if given else f"if it is left of another build, remove it to sign anew: rm {found}"
        raise InvalidInput(f"{found}: {error.message}", hint) from error
    return signature


def _beside(built: Built) -> Path | None:
    path = signature_path(built.bundle)
    return path if path.is_file() else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_SIGNATURE + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: can't be read: {error.strerror}") from error
