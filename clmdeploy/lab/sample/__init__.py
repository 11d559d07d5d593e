"""The sample CLM: a small but true web service and worker, in releases that go well and releases that don't.

`layers/1.0.0` is a whole release; every other directory holds only what its version changed. A release is its layers
laid upon each other, and its release.yml is theirs, key by key.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from clmdeploy.model.errors import UsageError

_LAYERS_DIRECTORY = Path(__file__).parent / "layers"
_MANIFEST = "release.yml"

_LAYERS = {
    "1.0.0": ("1.0.0",),
    "1.1.0": ("1.0.0", "1.1.0"),
    "1.2.0": ("1.0.0", "1.1.0", "1.2.0"),
    "1.3.0": ("1.0.0", "1.1.0", "1.2.0", "1.3.0"),  # starts, but its health check fails
    "1.4.0": ("1.0.0", "1.1.0", "1.2.0", "1.4.0"),  # its migration fails half-way
    "2.0.0": ("1.0.0", "1.1.0", "1.2.0", "2.0.0"),  # grows from 1.2.0: 1.3.0 and 1.4.0 were withdrawn
}

VERSIONS: tuple[str, ...] = tuple(_LAYERS)


def write_release(version: str, target: Path) -> Path:
    """Write the release directory of `version` (release.yml and files) to `target`, for `clmdeploy release build`.

    `target` is made, or may be an empty directory; it is returned. Raises UsageError for an unknown version or a
    target that is taken.
    """
    if version not in _LAYERS:
        raise UsageError(f"the sample has no release {version!r}", f"it has {', '.join(VERSIONS)}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not an empty directory", "name a directory that does not exist yet")
    target.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {}  # Any: YAML as it stands; the release's reader validates it
    for layer in _LAYERS[version]:
        source = _LAYERS_DIRECTORY / layer
        _lay(source, target)
        manifest |= yaml.safe_load((source / _MANIFEST).read_text("utf-8"))
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)
    (target / _MANIFEST).write_text(text, "utf-8")
    return target


def _lay(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts or path.name == _MANIFEST:
            continue
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        # Not the source's mode: an installation from a wheel need not keep it.
        place.chmod(0o755 if place.parent.name == "bin" else 0o644)
