"""A signed plan as a file: written whole and for its owner only, read bounded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.cli.output_file import output_file
from clmdeploy.config.files import read_text

if TYPE_CHECKING:
    from clmdeploy.changes.signed_plan import SignedPlan
    from clmdeploy.model.signing import Verifier

LARGEST = 16 * 1024 * 1024


def write_plan(path: Path, signed: SignedPlan) -> None:
    """Replaces `path` atomically, mode 0600. Raises InvalidInput when that is impossible; then nothing is left."""
    with output_file(path) as file:
        file.write(signed.model_dump_json(indent=1).encode() + b"\n")


def read_plan(path: Path, verifier: Verifier) -> SignedPlan:
    """The plan, its digest and signature checked. Raises InvalidInput."""
    from clmdeploy.changes.signed_plan import read_signed_plan

    return read_signed_plan(read_text(path, LARGEST).encode(), verifier, str(path))
