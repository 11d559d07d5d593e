"""Reads release.yml, as people write it, into a Manifest."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from clmdeploy.config.files import read_text
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import faults_of
from clmdeploy.releases.manifest import Manifest
from clmdeploy.releases.yaml_text import parse

FILE_NAME = "release.yml"
_LARGEST = 1024**2
_HINT = 'correct these keys of release.yml; text that looks like a number stands in quotes, like version: "1.10.0"'


def load_manifest(directory: Path) -> Manifest:
    """The manifest of the release in `directory`.

    Raises InvalidInput naming the file and every faulty key at once; also when the file is missing, larger than
    1 MiB, not UTF-8, or uses YAML beyond JSON's types.
    """
    path = directory / FILE_NAME
    return parse_manifest(read_text(path, _LARGEST), str(path))


def parse_manifest(text: str, source: str) -> Manifest:
    """The manifest in `text`. Raises InvalidInput whose every line begins with `source`."""
    document = parse(text, source)
    if not isinstance(document, dict):
        raise InvalidInput(f"{source}: must be a mapping of keys to values", _HINT)
    try:
        # By way of JSON: strict JSON knows tuples as arrays, and refuses to guess a number from a text.
        return Manifest.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise InvalidInput.of_faults(source, faults_of(error), _HINT) from error
