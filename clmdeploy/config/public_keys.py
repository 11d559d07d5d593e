"""OpenSSH public keys as text: `TYPE BASE64`, checked as far as no cryptography is needed (RFC 4253, section 6.6)."""

from __future__ import annotations

import base64
import binascii
import hashlib

HOST_KEY_TYPES = frozenset(
    {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}
)
SIGNING_KEY_TYPES = HOST_KEY_TYPES | {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

_ED25519_LENGTH = 4 + 11 + 4 + 32  # two lengths, the type's name, the key


def key_blob(kind: str, encoded: str) -> bytes:
    """The key's bytes. Raises ValueError when the text is no key, or is a key of another type than it says."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the key is not base64") from error
    name = kind.encode()
    if blob[: 4 + len(name)] != len(name).to_bytes(4, "big") + name:
        raise ValueError(f"the key is not of the type it says ({kind})")
    if len(blob) <= 4 + len(name) or (kind == "ssh-ed25519" and len(blob) != _ED25519_LENGTH):
        raise ValueError("the key is cut short or damaged")
    return blob


def fingerprint(encoded: str) -> str:
    """SHA256:… as `ssh-keygen -l` and ssh itself print it."""
    digest = hashlib.sha256(base64.b64decode(encoded)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
