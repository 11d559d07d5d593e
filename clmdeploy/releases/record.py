"""release.json: the one spelling of a Release that is signed, published and read back."""

from __future__ import annotations

from pydantic import ValidationError

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import faults_of
from clmdeploy.model.value import canonical_json
from clmdeploy.releases.manifest import Release

LARGEST = 128 * 1024**2  # bytes; 200,000 files with long names stay below


def to_bytes(release: Release) -> bytes:
    """The canonical JSON of `release`: the same release always gives the same bytes."""
    return canonical_json(release)


def from_bytes(document: bytes, source: str) -> Release:
    """The release that `document` spells. `source` names it in faults.

    Raises InvalidInput, with all faults, unless it is valid and spelled canonically: what was signed has one spelling.
    """
    if len(document) > LARGEST:
        raise InvalidInput(f"{source}: larger than {LARGEST // 1024**2} MiB")
    try:
        release = Release.model_validate_json(document, strict=True)
    except ValidationError as error:
        hint = "it was made by another version of the tool, or damaged: build the release anew"
        raise InvalidInput.of_faults(source, faults_of(error), hint) from error
    if to_bytes(release) != document:
        raise InvalidInput(f"{source}: is not spelled canonically", "use the file as `release build` wrote it")
    return release
