"""A plan under its maker's signature: as stored, and as handed on in a file."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from clmdeploy.changes.envelope import opened
from clmdeploy.changes.plan import Plan
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import Value, canonical_json, sha256_hex


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
    return read_with_maker(body, verifier, source)[0]


def read_with_maker(body: bytes, verifier: Verifier, source: str) -> tuple[SignedPlan, str]:
    """The same, and the principal who signed it."""
    try:
        envelope = opened("plan", body, beside=("format", "digest"))
        signed = SignedPlan(
            **envelope.beside, plan=Plan.model_validate(envelope.stated), signature=envelope.signature.decode()
        )
    except (InvalidInput, ValidationError) as error:
        raise InvalidInput(Bilingual(f"{source}: not a signed plan", f"{source}: не подписанный план")) from error
    if signed.digest != sha256_hex(envelope.signed):
        raise InvalidInput(
            Bilingual(
                f"{source}: the plan is not the one that its digest names",
                f"{source}: план не тот, что назван дайджестом",
            )
        )
    try:
        return signed, envelope.verified(Namespace.PLAN, verifier)
    except InvalidInput as error:
        told = Bilingual(f"{source}: {error.message}", f"{source}: {russian(error.message)}")
        raise InvalidInput(told, error.hint) from error
