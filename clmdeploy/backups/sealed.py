"""Documents about restore points, under the signature of whoever wrote them: `{"document": …, "signature": …}`."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from clmdeploy.changes.envelope import opened, sealed
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.model.faults import faults_of
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import Value

FIND_OUT = Bilingual(
    "find out who wrote to the state bucket; older versions of the object may still be there",
    "выясните, кто писал в бакет состояния; прежние версии объекта могли сохраниться",
)
Document = TypeVar("Document", bound=Value)
_STATED = "document"


def seal(document: Value, signer: Signer, verifier: Verifier) -> tuple[bytes, str]:
    """The document as it is stored, and the principal who signs here.

    Raises InvalidInput when nobody could believe it: that key is unknown, or not permitted for restore points.
    """
    return sealed(_STATED, document, Namespace.POINT, signer, verifier)


def unseal(kind: type[Document], body: bytes, verifier: Verifier, source: str) -> tuple[Document, str]:
    """A document from its bytes, and the principal who signed it; `source` names the object in faults.

    Raises VerificationFailed unless a trusted key signed all of it.
    """
    try:
        envelope = opened(_STATED, body)
        principal = envelope.verified(Namespace.POINT, verifier)
    except InvalidInput as error:
        raise not_believed(source, error.message) from error
    try:
        return kind.model_validate(envelope.stated), principal
    except ValidationError as error:
        raise not_believed(source, "; ".join(faults_of(error))) from error


def not_believed(source: str, cause: str) -> VerificationFailed:
    """What is stored there is not what a person who is trusted has put there."""
    told = Bilingual(
        f"{source} in the state bucket is not to be believed: {cause}",
        f"{source} в бакете состояния верить нельзя: {russian(cause)}",
    )
    return VerificationFailed(told, FIND_OUT)
