"""What an OpenSSH signature says of itself, read without trusting it (PROTOCOL.sshsig of OpenSSH).

Only for messages and for refusing other spellings of a signature; whether it is good is ssh-keygen's to say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable

LARGEST = 64 * 1024  # bytes; an RSA signature with a certificate has about 5,000
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_MAGIC = b"SSHSIG\x00\x00\x00\x01"
_WIDTH = 70  # ssh-keygen's line length
_HINT = "fetch it anew, or sign anew with `ssh-keygen -Y sign`"


@dataclass(frozen=True)
class SignatureFacts:
    """The key that a signature claims, as `SHA256:…`, and what it was made for."""

    fingerprint: str
    namespace: str


def read_facts(signature: bytes) -> SignatureFacts:
    """The claims of an armoured signature.

    Raises InvalidInput unless it is spelled exactly as ssh-keygen spells it: base64 would let changed line ends and
    trailing text through, and a signature that was changed must be refused even where it would still verify.
    """
    if len(signature) > LARGEST:
        raise InvalidInput(f"the signature is larger than {LARGEST // 1024} KiB", _HINT)
    try:
        blob = base64.b64decode(signature.removeprefix(_BEGIN).removesuffix(_END).replace(b"\n", b""), validate=True)
        key, namespace = _strings(blob, 2)
    except (binascii.Error, struct.error, ValueError) as error:
        raise InvalidInput("the signature is malformed", _HINT) from error
    if _armoured(blob) != signature or not blob.startswith(_MAGIC):
        raise InvalidInput("the signature is malformed", _HINT)
    fingerprint = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return SignatureFacts(f"SHA256:{fingerprint}", printable(namespace.decode(errors="replace"), 80))


def _strings(blob: bytes, count: int) -> list[bytes]:
    """The first `count` length-prefixed strings behind the magic and the version."""
    found, offset = [], len(_MAGIC)
    for _ in range(count):
        (length,) = struct.unpack_from(">I", blob, offset)
        if length > len(blob) - offset - 4:
            raise ValueError("a string is longer than the signature")
        found.append(blob[offset + 4 : offset + 4 + length])
        offset += 4 + length
    return found


def _armoured(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = [text[start : start + _WIDTH] + b"\n" for start in range(0, len(text), _WIDTH)]
    return _BEGIN + b"".join(lines) + _END
