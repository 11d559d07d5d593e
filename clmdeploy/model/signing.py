"""Signing as the core sees it: bytes, a namespace, a principal. `adapters/openssh.py` does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Namespace(StrEnum):
    """What a signature is for. A signature made for one purpose is refused for every other (PROTOCOL.sshsig)."""

    RELEASE = "clmdeploy.release"
    PLAN = "clmdeploy.plan"
    APPROVAL = "clmdeploy.approval"
    JOURNAL = "clmdeploy.journal"
    POINT = "clmdeploy.point"


class Signer(Protocol):
    """Holds, or reaches, one private key."""

    def sign(self, namespace: str, data: bytes) -> bytes:
        """An armoured signature of `data`. Raises InvalidInput when the key can't be used."""


class Verifier(Protocol):
    """Knows whose keys are trusted."""

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        """The principal who signed `data`. Raises InvalidInput unless a trusted key signed it for this purpose."""


@dataclass(frozen=True)
class LateSigner:
    """A signer that is made when it first signs: reading what others signed needs no key."""

    make: Callable[[], Signer]

    def sign(self, namespace: str, data: bytes) -> bytes:
        """See `Signer.sign`. Raises also what `make` raises when there is no key."""
        return self.make().sign(namespace, data)
