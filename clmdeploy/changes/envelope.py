"""What is stored under a signature: JSON with what was signed under one name, and the signature beside it.

What is checked are the bytes as they were stored, not as this version would write them: a field that a later version
adds with a default must not spoil older signatures.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import JsonValue, Value, canonical_json

SIGNATURE = "signature"


@dataclass(frozen=True)
class Envelope:
    """One that was opened; nobody has looked at its signature yet."""

    stated: dict[str, JsonValue]
    signed: bytes
    """the bytes that the signature is of"""
    signature: bytes
    beside: dict[str, JsonValue]
    """what is under no signature"""

    def verified(self, namespace: Namespace, verifier: Verifier) -> str:
        """The principal who signed it. Raises InvalidInput unless that is a trusted one."""
        return verifier.verify(namespace, self.signed, self.signature)


def sealed(name: str, stated: Value, namespace: Namespace, signer: Signer, verifier: Verifier) -> tuple[bytes, str]:
    """A value as it is stored, and the principal who signs here.

    Raises InvalidInput when nobody could believe it: that key is unknown, or not permitted for this.
    """
    signed = canonical_json(stated)
    signature = signer.sign(namespace, signed)
    principal = verifier.verify(namespace, signed, signature)
    return canonical_json({name: stated.model_dump(mode="json"), SIGNATURE: signature.decode()}), principal


def opened(name: str, body: bytes, beside: Collection[str] = ()) -> Envelope:
    """What is in it, apart. `beside`: what may stand there under no signature. Raises InvalidInput, with the cause."""
    try:
        match json.loads(body):
            case {"signature": str(signature), **others} if others.keys() - set(beside) == {name}:
                stated, rest = others[name], {str(key): value for key, value in others.items() if key != name}
                if isinstance(stated, dict):
                    return Envelope(stated, canonical_json(stated), signature.encode(), rest)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Bilingual("it is no JSON", "это не JSON")) from error
    raise InvalidInput(Bilingual("it is no signed document", "это не подписанный документ"))
