"""What people sign about a plan that has not begun: it is wanted, it is approved, it is wanted no more.

A statement names environment, change and plan, so that it can't be carried over to another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, ValidationError

from clmdeploy.changes.envelope import SIGNATURE, opened, sealed
from clmdeploy.changes.events import Who
from clmdeploy.model.bilingual import Bilingual, joined, russian
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.model.faults import printable
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.value import Value, canonical_json, sha256_hex

_STATED = "statement"
LARGEST = 64 * 1024  # bytes of one stored statement


class Subject(Value):
    """What a statement is about: one plan, under one change, in one environment."""

    environment: str
    environment_id: str
    change: str
    plan: str
    """its digest"""


class Proposal(Value):
    """Somebody wants this plan to be carried out."""

    format: Literal["proposal/1"] = "proposal/1"
    subject: Subject
    at: AwareDatetime
    reason: str = ""
    who: Who


class Approval(Value):
    """Somebody has looked at this plan and lets it be carried out until `expires`."""

    format: Literal["approval/1"] = "approval/1"
    subject: Subject
    at: AwareDatetime
    reason: str = ""
    expires: AwareDatetime


class Withdrawal(Value):
    """Nobody wants this plan any more."""

    format: Literal["withdrawal/1"] = "withdrawal/1"
    subject: Subject
    at: AwareDatetime
    reason: str = ""


Statement = TypeVar("Statement", Proposal, Approval, Withdrawal)
_NAMESPACES: Mapping[type[Value], Namespace] = {
    Proposal: Namespace.PLAN,
    Approval: Namespace.APPROVAL,
    Withdrawal: Namespace.PLAN,
}


@dataclass(frozen=True)
class Signed(Generic[Statement]):
    """A statement whose signature is good; `digest` is that of the stored bytes."""

    key: str
    statement: Statement
    principal: str
    digest: str

    def refuse_unless_about(self, subject: Subject) -> None:
        """Raises VerificationFailed when it was made about something else and put here."""
        stated = self.statement.subject
        differing = [name for name in Subject.model_fields if getattr(stated, name) != getattr(subject, name)]
        if differing:
            told = joined(", ", (_difference(name, stated, subject) for name in differing))
            raise replaced(
                self.key,
                Bilingual(
                    f"it was signed by {self.principal} for {told}",
                    f"{self.principal} подписал это для {russian(told)}",
                ),
            )


def _difference(name: str, stated: Subject, wanted: Subject) -> str:
    is_for, should_be = printable(getattr(stated, name), 120), printable(getattr(wanted, name), 120)
    return Bilingual(f"{name} {is_for}, not {should_be}", f"{name} {is_for}, а не {should_be}")


def sign_statement(
    statement: Proposal | Approval | Withdrawal, signer: Signer, verifier: Verifier
) -> tuple[bytes, str]:
    """The statement as it is stored, and the principal who signs here.

    Raises InvalidInput when nobody could believe it: that key is unknown, or not permitted for this.
    """
    return sealed(_STATED, statement, _NAMESPACES[type(statement)], signer, verifier)


def read_signed(kind: type[Statement], key: str, body: bytes, verifier: Verifier) -> Signed[Statement]:
    """A statement from its bytes. Raises VerificationFailed, naming the object, unless a trusted key signed it all."""
    try:
        envelope = opened(_STATED, body)
        principal = envelope.verified(_NAMESPACES[kind], verifier)
    except InvalidInput as error:
        raise replaced(key, error.message) from error
    if canonical_json({_STATED: envelope.stated, SIGNATURE: envelope.signature.decode()}) != body:  # its bytes name it
        raise replaced(key, Bilingual("it is spelled otherwise", "оно записано иначе"))
    try:
        statement = kind.model_validate(envelope.stated)
    except ValidationError as error:
        name, count = kind.__name__.lower(), error.error_count()
        raise replaced(key, Bilingual(f"it is no {name}: {count} faults", f"это не {name}: ошибок {count}")) from error
    return Signed(key, statement, principal, sha256_hex(body))


def replaced(key: str, cause: str) -> VerificationFailed:
    """What is stored under `key` is not what a person who is trusted has put there."""
    return VerificationFailed(
        Bilingual(
            f"{key} in the state bucket is not to be believed: {cause}",
            f"{key} в бакете состояния верить нельзя: {russian(cause)}",
        ),
        Bilingual(
            "find out who wrote it there; then propose the change anew, which gives it another ID",
            "выясните, кто это туда записал; затем предложите изменение заново, под новым ID",
        ),
    )
