"""Signing keys of a new environment, with OpenSSH's ssh-keygen: nothing home-made."""

from __future__ import annotations

import subprocess
from pathlib import Path

from clmdeploy.config.files import read_text
from clmdeploy.config.public_keys import SIGNING_KEY_TYPES, key_blob
from clmdeploy.model.errors import InvalidInput

_LIMIT = 64 * 1024
_SECONDS = 30


def public_key_of(path: Path) -> str:
    """`TYPE BASE64` of a private key's file, or of the public file of a key that ssh-agent holds.

    Raises InvalidInput when neither the file nor the `.pub` beside it gives a public key.
    """
    beside = path.with_name(f"{path.name}.pub")
    if path.suffix == ".pub":
        text = read_text(path, _LIMIT)
    elif beside.is_file():
        text = read_text(beside, _LIMIT)
    else:
        # An empty passphrase: a locked key must fail here instead of asking a pipeline.
        text = _keygen(["-y", "-P", "", "-f", str(path)], path)
    words = text.split()
    if len(words) < 2 or words[0] not in SIGNING_KEY_TYPES:
        raise InvalidInput(f"{path}: holds no public key that can sign", "ssh-keygen -t ed25519 makes one")
    try:
        key_blob(words[0], words[1])
    except ValueError as error:
        raise InvalidInput(f"{path}: {error}") from error
    return f"{words[0]} {words[1]}"


def generate(path: Path, comment: str) -> str:
    """Makes a new Ed25519 key pair without passphrase at `path` (0600); gives the public half as `TYPE BASE64`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keygen(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], path)
    return public_key_of(path)


def _keygen(arguments: list[str], path: Path) -> str:
    try:
        answer = subprocess.run(
            ["ssh-keygen", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise InvalidInput("ssh-keygen is not installed here", "apt install openssh-client") from error
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(f"{path}: ssh-keygen did not end within {_SECONDS} s") from error
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["ssh-keygen failed"])[-1]
        hint = f"if it has a passphrase, give the public half: {path}.pub (and load the key into ssh-agent)"
        raise InvalidInput(f"{path}: {reason}", hint)
    return answer.stdout
