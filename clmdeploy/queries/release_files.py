"""Built releases on disk: which signature belongs to one, and whether it may be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.model.bilingual import Bilingual, russian
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
            Bilingual(
                f"{bundle}: is a release of {name}, but {environment} installs {application}",
                f"{bundle}: это релиз {name}, а в среду {environment} ставится {application}",
            ),
            Bilingual(
                "correct `name` in release.yml, or `application` in clm.yml",
                "исправьте `name` в release.yml или `application` в clm.yml",
            ),
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
        left = Bilingual(
            f"if it is left of another build, remove it to sign anew: rm {found}",
            f"если она осталась от другой сборки, удалите её, и подпись будет сделана заново: rm {found}",
        )
        told = Bilingual(f"{found}: {error.message}", f"{found}: {russian(error.message)}")
        raise InvalidInput(told, error.hint if given else left) from error
    return signature


def _beside(built: Built) -> Path | None:
    path = signature_path(built.bundle)
    return path if path.is_file() else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_SIGNATURE + 1)
    except OSError as error:
        cause = error.strerror
        raise InvalidInput(Bilingual(f"{path}: can't be read: {cause}", f"{path}: не читается: {cause}")) from error
