"""Encrypts parts of a dump with the passphrase of database backups, by openssl; their digests tell what was changed.

By hand: openssl enc -d -aes-256-ctr -pbkdf2 -pass file:PASSPHRASE < PART
"""

from __future__ import annotations

import base64
import subprocess

from .call import ActError

PASSPHRASE = "/etc/clm-backup/database-passphrase"  # noqa: S105  # where it lies
_PROOF = b"clmdeploy: this passphrase"
TIMEOUT = 120  # seconds for one part
_COMMAND = ("openssl", "enc", "-aes-256-ctr", "-pbkdf2", "-salt", "-pass")


def sealed(plain: bytes, passphrase: str = PASSPHRASE) -> bytes:
    """Raises ActError."""
    return _through(plain, "-e", passphrase)


def unsealed(body: bytes, passphrase: str = PASSPHRASE) -> bytes:
    """Raises ActError."""
    return _through(body, "-d", passphrase)


def proof(passphrase: str = PASSPHRASE) -> str:
    """What this passphrase alone opens: counter mode opens anything, into nonsense of the same length."""
    return base64.b64encode(sealed(_PROOF, passphrase)).decode()


def opens(told: str, passphrase: str = PASSPHRASE) -> bool:
    """Whether `proof` was made with the passphrase that lies here."""
    return unsealed(base64.b64decode(told, validate=True), passphrase) == _PROOF


def _through(body: bytes, direction: str, passphrase: str) -> bytes:
    command = [*_COMMAND, f"file:{passphrase}", direction]
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ActError(f"openssl: {error}"[:300]) from None
    if done.returncode != 0:
        raise ActError(f"openssl: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout
