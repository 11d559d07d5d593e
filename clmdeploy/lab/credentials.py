"""Passwords and keys of one lab, made anew for each."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from clmdeploy.lab.machine import LabError


def _word() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, repr=False)
class Credentials:
    """Every secret that is no key file. Never printed."""

    database_password: str
    admin_access_key: str
    admin_secret_key: str
    operator_access_key: str
    operator_secret_key: str
    backup_access_key: str
    backup_secret_key: str
    archive_access_key: str
    archive_secret_key: str
    files_access_key: str
    files_secret_key: str
    replication_password: str
    database_passphrase: str
    files_passphrase: str
    volume_write_key: str
    volume_read_key: str
    filer_write_key: str
    filer_read_key: str

    @property
    def schedule_access_key(self) -> str:
        """Of scheduled jobs; made from another, so that labs of older releases have it too."""
        return self._made("schedule-access-key")

    @property
    def schedule_secret_key(self) -> str:
        return self._made("schedule-secret-key")

    def _made(self, name: str) -> str:
        return hashlib.sha256(f"{name}:{self.admin_secret_key}".encode()).hexdigest()[:32]

    @classmethod
    def generate(cls, word: Callable[[], str] = _word) -> Credentials:
        return cls(**{field.name: word() for field in fields(cls)})

    @classmethod
    def load(cls, file: Path) -> Credentials:
        """Raises LabError when the file is gone or damaged."""
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise LabError(
                f"{file}: can't be read ({type(error).__name__})", f"clmdeploy lab down --name {file.parent.name}"
            ) from error

    def save(self, file: Path) -> None:
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)))
