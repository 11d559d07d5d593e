"""A plan under its maker's signature: as stored, and as handed on in a file."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from clmdeploy.changes.plan import Plan
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import Value, canonical_json


class SignedPlan(Value):
    """A plan as stored or handed on as a file: with the maker's signature over its canonical JSON."""

    format: Literal["signed-plan/1"] = "signed-plan/1"
    plan: Plan
    digest: str
    signature: str


def sign_plan(plan: Plan, signer: Signer) -> SignedPlan:
    """The plan with its maker's signature."""
    signature = signer.sign(Namespace.PLAN, canonical_json(plan)).decode()
    return SignedPlan(plan=plan, digest=plan.digest, signature=signature)


def read_signed_plan(body: bytes, verifier: Verifier, source: str) -> SignedPlan:
    """A signed plan from its bytes. Raises InvalidInput when one byte of the plan is not what was signed."""
    try:
        signed = SignedPlan.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput(f"{source}: not a signed plan: {error.error_count()} faults") from error
    if signed.digest != signed.plan.digest:
        raise InvalidInput(f"{source}: the plan is not the one that its digest names")
    verifier.verify(Namespace.PLAN, canonical_json(signed.plan), signed.signature.encode())
    return signed
