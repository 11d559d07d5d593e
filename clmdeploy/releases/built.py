"""A release on disk: NAME-VERSION.tar.gz, beside it NAME-VERSION.release.json, and once signed .release.json.sig."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.releases import archive
from clmdeploy.releases.manifest import Release
from clmdeploy.releases.record import LARGEST, from_bytes

_BUNDLE = ".tar.gz"
_DOCUMENT = ".release.json"


@dataclass(frozen=True)
class Built:
    """`document` is the bytes of release.json, which is what gets signed."""

    release: Release
    bundle: Path
    document: bytes


def load_built(path: Path) -> Built:
    """The built release that `path` names, by its bundle or its release.json; the bundle itself is not read.

    Raises InvalidInput when either file is missing or release.json is faulty.
    """
    bundle = path.with_name(path.name.removesuffix(_DOCUMENT) + _BUNDLE) if path.name.endswith(_DOCUMENT) else path
    if not bundle.name.endswith(_BUNDLE):
        raise InvalidInput(f"{path}: is neither a bundle ({_BUNDLE}) nor a release record ({_DOCUMENT})")
    document = _read(document_path(bundle))
    if not bundle.is_file():
        raise InvalidInput(f"{bundle}: no such file", f"it belongs beside {document_path(bundle).name}")
    return Built(from_bytes(document, str(document_path(bundle))), bundle, document)


def document_path(bundle: Path) -> Path:
    """Where the release.json of `bundle` lies."""
    return bundle.with_name(bundle.name.removesuffix(_BUNDLE) + _DOCUMENT)


def signature_path(bundle: Path) -> Path:
    """Where the signature of `bundle`'s release.json lies."""
    return document_path(bundle).with_name(document_path(bundle).name + ".sig")


def sign(built: Built, signer: Signer) -> bytes:
    """Sign release.json, and leave the signature beside it. Raises InvalidInput when the key can't be used."""
    signature = signer.sign(Namespace.RELEASE, built.document)
    path = signature_path(built.bundle)
    try:
        path.write_bytes(signature)
    except OSError as error:
        raise InvalidInput(f"{path}: can't be written: {error.strerror}") from error
    return signature


def load_signature(built: Built) -> bytes:
    """The signature beside `built`. Raises InvalidInput when there is none."""
    return _read(signature_path(built.bundle))


def verify(built: Built, signature: bytes, verifier: Verifier) -> str:
    """The principal who signed `built`, whose bundle is checked member by member. Raises InvalidInput."""
    archive.check(built.bundle, built.release)
    return verifier.verify(Namespace.RELEASE, built.document, signature)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: can't be read: {error.strerror}", "`release build` writes it") from error
