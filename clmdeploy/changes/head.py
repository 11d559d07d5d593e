"""The head of the journal: the signed end of its chain, and the changes that still owe something."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from clmdeploy.changes.envelope import SIGNATURE, opened
from clmdeploy.changes.events import Link
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import Value, canonical_json


class Head(Value):
    """The signed end of the chain, and the changes that still owe something."""

    format: Literal["head/1"] = "head/1"
    environment: str
    last: Link | None = None
    """the newest event when this was signed; None before the first"""
    opening: str = ""
    """change that is about to store its first event, which then goes before `last`"""
    owed: dict[str, str] = {}
    """host → change that owes it an undo"""


def signed_head(head: Head, signer: Signer) -> bytes:
    """The head as it is stored."""
    signature = signer.sign(Namespace.JOURNAL, canonical_json(head)).decode()
    return canonical_json({"head": head.model_dump(mode="json"), SIGNATURE: signature})


def read_head(body: bytes, verifier: Verifier, key: str) -> Head:
    """A head from its bytes. Raises VerificationFailed when it is none, or no trusted key has signed it."""
    try:
        envelope = opened("head", body)
        head = Head.model_validate(envelope.stated)
    except (InvalidInput, ValidationError) as error:
        raise VerificationFailed(Bilingual(f"{key} is not a journal head", f"{key} — не вершина журнала")) from error
    try:
        envelope.verified(Namespace.JOURNAL, verifier)
    except InvalidInput as error:
        cause = error.message
        raise VerificationFailed(
            Bilingual(
                f"the journal's head is not signed by a trusted key: {cause}",
                f"вершина журнала не подписана доверенным ключом: {russian(cause)}",
            )
        ) from error
    return head
