"""Where the playbooks are: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import clmdeploy
from clmdeploy.model.value import digest_of, sha256_hex


def playbooks_directory() -> Path:
    """The directory with playbooks, roles and modules."""
    package = Path(clmdeploy.__file__).parent
    installed = package / "playbooks"
    return installed if installed.is_dir() else package.parent / "playbooks"


@cache
def playbooks_digest() -> str:
    """SHA-256 over names and contents of all playbooks, roles and modules."""
    root = playbooks_directory()
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in (".yml", ".py", ".j2", ".cfg"))
    return digest_of({str(path.relative_to(root)): sha256_hex(path.read_bytes()) for path in files})
