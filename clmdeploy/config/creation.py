"""Lays a new environment out on disk: whole and checked, or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.config.files import read_text
from clmdeploy.config.known_hosts import PinnedKey
from clmdeploy.config.loading import examine
from clmdeploy.config.scaffold import NewEnvironment
from clmdeploy.config.signing_keys import generate
from clmdeploy.model.errors import InvalidInput

GENERATED_KEY = "secrets/signing-key"
_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Trusted:
    """What a new environment believes: the keys that its hosts must show, and who may sign."""

    host_keys: tuple[PinnedKey, ...]
    allowed_signers: str = ""
    public_key: str = ""
    """`TYPE BASE64` of the principal; empty: none, or one that is made now (when signing_key is GENERATED_KEY)."""


def refuse_existing(inventories: Path, name: str) -> None:
    """Raises InvalidInput when something of that name exists: an environment is never overwritten."""
    if os.path.lexists(inventories / name):
        raise InvalidInput(f"{inventories / name} exists already", "choose another name, or edit its files")


def create(new: NewEnvironment, inventories: Path, trusted: Trusted) -> Path:
    """Writes all files of the environment and gives its directory.

    They are made and checked in a directory beside, which is then renamed: a failure leaves nothing behind. Raises
    InvalidInput when the environment exists, a file can't be read, or `config check` would find a fault.
    """
    refuse_existing(inventories, new.name)
    _make_room(inventories)
    with tempfile.TemporaryDirectory(dir=inventories, prefix=".init-") as staging:
        directory = Path(staging) / new.name
        _write(new, directory, trusted)
        if faults := examine(directory).faults:
            final = str(inventories / new.name)
            lines = "\n".join(str(fault).replace(str(directory), final) for fault in faults)
            raise InvalidInput(lines, "nothing was written: give other values, and run init again")
        _move(directory, inventories / new.name)
    return inventories / new.name


def _write(new: NewEnvironment, directory: Path, trusted: Trusted) -> None:
    (directory / "secrets").mkdir(mode=0o700, parents=True)
    public_key = trusted.public_key
    if new.signing_key == GENERATED_KEY:
        public_key = generate(directory / GENERATED_KEY, new.principal or new.name)
    files = {
        "clm.yml": new.settings_text(),
        "hosts.yml": new.hosts_text(),
        "known_hosts": new.known_hosts_text(trusted.host_keys),
        "allowed_signers": new.signers_text(trusted.allowed_signers, public_key),
        ".gitignore": "# What lies here stays on this machine.\nsecrets/\n",
    }
    if new.ca_file:
        files["ca.pem"] = read_text(Path(new.ca_file), _LIMIT)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")


def _make_room(inventories: Path) -> None:
    try:
        inventories.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{inventories}: can't be made: {error.strerror}", "give another --inventories") from error
    if not os.access(inventories, os.W_OK | os.X_OK):
        raise InvalidInput(f"{inventories}: can't be written to", "give another --inventories")


def _move(made: Path, final: Path) -> None:
    try:
        made.rename(final)  # atomic; fails when somebody else has filled the place meanwhile
    except OSError as error:
        raise InvalidInput(f"{final}: can't be put in place: {error.strerror}") from error
