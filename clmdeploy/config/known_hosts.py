"""Pinned host keys: the known_hosts file that both Ansible (OpenSSH) and Fabric (paramiko) will use.

Only what both understand alike is accepted: plain or hashed names, no wildcards (paramiko takes them literally), no
marker lines (paramiko crashes on @revoked and would take @cert-authority for a host's name).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from hashlib import sha1

from clmdeploy.config.public_keys import HOST_KEY_TYPES, fingerprint, key_blob
from clmdeploy.model.hosts import Host


@dataclass(frozen=True)
class PinnedKey:
    """One line of known_hosts."""

    names: str
    kind: str
    encoded: str

    def matches(self, name: str) -> bool:
        """Whether the line is for `name`, an address or `[address]:port`."""
        if self.names.startswith("|1|"):
            return _hash_matches(self.names, name)
        return name.lower() in self.names.lower().split(",")

    @property
    def fingerprint(self) -> str:
        """SHA256:…, for people to compare."""
        return fingerprint(self.encoded)

    def line(self, names: str | None = None) -> str:
        """The line of known_hosts, under other `names` when given."""
        return f"{names or self.names} {self.kind} {self.encoded}"


def lookup_name(address: str, port: int) -> str:
    """The name under which OpenSSH and paramiko look a host up."""
    return address if port == 22 else f"[{address}]:{port}"


def keys_of(host: Host, keys: tuple[PinnedKey, ...]) -> tuple[PinnedKey, ...]:
    """The keys that `host` may show."""
    name = lookup_name(host.address, host.port)
    return tuple(key for key in keys if key.matches(name))


def parse(text: str) -> tuple[tuple[PinnedKey, ...], list[tuple[int, str]]]:
    """All pinned keys, and the faults as (line, cause)."""
    keys, faults = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append(_parse_line(line.split()))
        except ValueError as error:
            faults.append((number, str(error)))
    return tuple(keys), faults


def _parse_line(words: list[str]) -> PinnedKey:
    if words[0].startswith("@"):
        raise ValueError(f"marker lines ({words[0][:40]}) can't be used: pin the host's own key, delete a revoked one")
    if len(words) < 3:
        raise ValueError("expects NAMES KEYTYPE KEY")
    names, kind, encoded = words[:3]
    if kind not in HOST_KEY_TYPES:
        raise ValueError(f"key type {kind[:40]!r} is not one of {', '.join(sorted(HOST_KEY_TYPES))}")
    if not names.startswith("|") and any(mark in names for mark in "*?!"):
        raise ValueError("patterns (* ? !) can't be used: write the host's address, or [address]:port")
    key_blob(kind, encoded)
    return PinnedKey(names, kind, encoded)


def _hash_matches(hashed: str, name: str) -> bool:
    """OpenSSH's HashKnownHosts: |1|salt|HMAC-SHA1(salt, name), both in base64 (sshd(8))."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.removeprefix("|1|").split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), sha1).digest(), digest)
