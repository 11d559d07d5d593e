"""Approvals: which of them count for a plan. Pure, but for the signatures that the verifier checks.

Four eyes: whoever made or proposed a plan can't approve it, and whoever approves twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from clmdeploy.changes.plan import Plan
from clmdeploy.changes.statements import Approval, Signed, Subject
from clmdeploy.model.bilingual import Bilingual, joined, russian
from clmdeploy.model.errors import ApprovalMissing
from clmdeploy.model.value import JsonValue, Value

Standing = Literal["valid", "expired", "own"]
"""own: by somebody who made or proposed the plan"""


class Granted(Value):
    """One approval as it stands now. Times are ISO 8601 with zone."""

    principal: str
    at: str
    expires: str
    reason: str
    digest: str = Field(description="of the stored approval, and its name in the bucket")
    standing: Standing


class Tally(Value):
    """The approvals of one plan, and how many it needs."""

    required: int = Field(ge=0)
    granted: tuple[Granted, ...] = ()

    @property
    def counting(self) -> tuple[Granted, ...]:
        """One for each principal: the one that holds longest."""
        longest: dict[str, Granted] = {}
        for one in self.granted:
            if one.standing == "valid" and _expiry(one) > _expiry(longest.get(one.principal)):
                longest[one.principal] = one
        return tuple(longest.values())

    @property
    def missing(self) -> int:
        return max(0, self.required - len(self.counting))


class Needs(Value):
    """How many approvals are wanted, and the moment at which they must hold."""

    required: int
    now: datetime


def required_for(plan: Plan, required: int) -> int:
    """How many approvals this plan needs, where a deploy needs `required`.

    Going back needs none: nobody should have to be woken to put back what ran before. A hotfix does need them. It skips
    some of the watching, so a second look is worth more, and would else be the way around every approval.
    """
    return 0 if plan.kind == "rollback" else required


def tally(approvals: Iterable[Signed[Approval]], makers: Sequence[str], needs: Needs) -> Tally:
    """What approvals of one subject amount to. `makers`: who wants the plan, whose own don't count."""
    return Tally(required=needs.required, granted=tuple(_granted(one, makers, needs.now) for one in approvals))


def refuse_own(subject: Subject, makers: Sequence[str], principal: str) -> None:
    """Raises ApprovalMissing when `principal` is one of those who want the plan."""
    if principal in makers:
        raise ApprovalMissing(
            Bilingual(
                f"{principal} wanted change {subject.change}: another principal must approve it",
                f"изменение {subject.change} предложено вами ({principal}): согласовать его должен кто-то другой",
            ),
            _by_somebody_else(subject),
        )


def refuse_unapproved(found: Tally, subject: Subject) -> None:
    """Raises ApprovalMissing: who has approved, whose approval does not count, and the command for the approver."""
    if found.missing:
        have, need, who = len(found.counting), found.required, _who(found)
        raise ApprovalMissing(
            Bilingual(
                f"change {subject.change} has {have} of {need} approvals{who}",
                f"изменение {subject.change}: согласований {have} из {need}{russian(who)}",
            ),
            _by_somebody_else(subject),
        )


def approving(subject: Subject) -> str:
    """The command for the approver."""
    return f"clmdeploy change approve {subject.change} -e {subject.environment}"


def refuse_unproposed(plan: Plan, required: int, hint: str) -> None:
    """Raises ApprovalMissing when this plan needs approvals, and was never put where somebody could give them."""
    needed = required_for(plan, required)
    if needed:
        raise ApprovalMissing(
            Bilingual(
                f"a {plan.kind} in {plan.environment} needs {needed} approvals by others (approvals.required in "
                "clm.yml)",
                f"{plan.kind} в среде {plan.environment} требует согласований от других: {needed} (approvals.required "
                "в clm.yml)",
            ),
            hint,
        )


def for_journal(found: Tally) -> Mapping[str, JsonValue]:
    """What the event that opens the change says of them."""
    kept = [one.model_dump(include={"principal", "expires", "digest"}) for one in found.counting]
    return {"approvals": kept} if kept else {}


def _granted(one: Signed[Approval], makers: Sequence[str], now: datetime) -> Granted:
    stated = one.statement
    standing: Standing = "own" if one.principal in makers else "valid" if now < stated.expires else "expired"
    return Granted(
        principal=one.principal, at=stated.at.isoformat(), expires=stated.expires.isoformat(), reason=stated.reason,
        digest=one.digest, standing=standing,
    )  # fmt: skip


def _expiry(one: Granted | None) -> float:
    return datetime.fromisoformat(one.expires).timestamp() if one else float("-inf")


def _who(found: Tally) -> str:
    said = joined("; ", map(_standing_words, found.granted))
    return Bilingual(f" ({said})", f" ({russian(said)})") if said else ""


def _standing_words(one: Granted) -> str:
    match one.standing:
        case "valid":
            return Bilingual(f"{one.principal} until {one.expires}", f"{one.principal} до {one.expires}")
        case "expired":
            return Bilingual(f"{one.principal}'s expired at {one.expires}", f"{one.principal}: истекло {one.expires}")
        case "own":
            return Bilingual(
                f"{one.principal}'s does not count: they wanted it",
                f"{one.principal}: не считается, изменение предложено этим же лицом",
            )


def _by_somebody_else(subject: Subject) -> str:
    return Bilingual(f"somebody else runs: {approving(subject)}", f"кто-то другой выполняет: {approving(subject)}")
