"""A signed plan as a file: written whole and for its owner only, read bounded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.config.files import read_text
from clmdeploy.model.errors import InvalidInput

if TYPE_CHECKING:
    from clmdeploy.changes.signed_plan import SignedPlan
    from clmdeploy.model.signing import Verifier

LARGEST = 16 * 1024 * 1024


def write_plan(path: Path, signed: SignedPlan) -> None:
    """Replaces `path` atomically, mode 0600. Raises InvalidInput when that is impossible; then nothing is left."""
    try:
        replace_file(path, signed.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise InvalidInput(f"{path}: can't be written: {error.strerror or error}") from error


def read_plan(path: Path, verifier: Verifier) -> SignedPlan:
    """The plan, its digest and signature checked. Raises InvalidInput."""
    from clmdeploy.changes.signed_plan import read_signed_plan

    return read_signed_plan(read_text(path, LARGEST).encode(), verifier, str(path))


def replace_file(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, readable by its owner only. Raises OSError."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        os.unlink(beside)
        raise
