"""A release as `release build` leaves it on disk: NAME-VERSION.tar.gz, and beside it NAME-VERSION.release.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clmdeploy.model.errors import InvalidInput
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


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: can't be read: {error.strerror}", "it is written by `release build`") from error
