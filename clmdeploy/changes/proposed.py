"""One proposed change: its plan, who wants it, who lets it pass, and whether it may begin. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.changes.approvals import Tally, refuse_own, refuse_unapproved
from clmdeploy.changes.events import Who
from clmdeploy.changes.signed_plan import SignedPlan
from clmdeploy.changes.statements import Proposal, Signed, Subject, Withdrawal
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError
from clmdeploy.model.faults import printable

_CHANGE_ID = re.compile(r"\d{8}-\d{9}-[a-z]+-[0-9a-f]{4}")


@dataclass(frozen=True)
class Proposed:
    """A plan under the ID of a change that has not begun, with all that was signed about it."""

    signed: SignedPlan
    maker: str
    """who signed the plan"""
    proposal: Signed[Proposal]
    tally: Tally
    withdrawn: Signed[Withdrawal] | None = None

    @property
    def subject(self) -> Subject:
        return self.proposal.statement.subject

    @property
    def id(self) -> str:
        return self.subject.change

    @property
    def who(self) -> Who:
        """Who proposed it, and from where; as principal the one that signed."""
        return self.proposal.statement.who.model_copy(update={"principal": self.proposal.principal})

    @property
    def makers(self) -> tuple[str, ...]:
        """Who wants this: an approval of their own would be no second pair of eyes."""
        return tuple(dict.fromkeys((self.maker, self.proposal.principal)))

    def refuse_unready(self) -> None:
        """Raises UsageError when it was withdrawn, ApprovalMissing when approvals are missing."""
        self.refuse_withdrawn()
        refuse_unapproved(self.tally, self.subject)

    def refuse_approver(self, principal: str) -> None:
        """Raises ApprovalMissing when `principal` can't approve this: it is their own."""
        refuse_own(self.subject, self.makers, principal)

    def refuse_withdrawn(self) -> None:
        """Raises UsageError when nobody wants it any more."""
        if self.withdrawn:
            said, who = printable(self.withdrawn.statement.reason), self.withdrawn.principal
            why = f": {said}" if said else ""
            raise UsageError(
                Bilingual(f"change {self.id} was withdrawn by {who}{why}", f"изменение {self.id} отозвано, {who}{why}"),
                Bilingual("plan and propose it anew", "составьте план и предложите его заново"),
            )


def is_change_id(text: str) -> bool:
    """Whether this is a change's ID, rather than the name of a file or rubbish."""
    return _CHANGE_ID.fullmatch(text) is not None
