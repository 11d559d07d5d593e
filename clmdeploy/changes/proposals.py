"""Proposals: plans in the state bucket that wait for approvals, or for somebody to carry them out.

A proposed change has an ID, a signed plan and a signed statement that it is wanted, and no event yet: to the journal it
does not exist. A plan that a control node left behind when it died before the first event has no such statement, and is
nothing that could be approved or applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from clmdeploy.changes.approvals import Needs, for_journal, required_for, tally
from clmdeploy.changes.events import Who
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.proposed import Proposed, is_change_id
from clmdeploy.changes.signed_plan import SignedPlan, read_with_maker
from clmdeploy.changes.statements import (
    LARGEST,
    Approval,
    Proposal,
    Signed,
    Statement,
    Subject,
    Withdrawal,
    read_signed,
    replaced,
    sign_statement,
)
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput, UsageError
from clmdeploy.model.value import JsonValue, canonical_json, sha256_hex

MOST_APPROVALS = 100
_MOST_KEYS = 1000  # looked at: a change that has not begun has far fewer


@dataclass(frozen=True)
class Proposals:
    """The proposed changes of one environment. `required`: approvals that a deploy needs there."""

    journal: Journal
    environment_id: str
    required: int

    def propose(self, change: str, plan: SignedPlan, who: Who, reason: str) -> None:
        """Store a plan under a new ID. Takes no lease and writes no event. Raises Conflict when the ID is taken."""
        subject = self._subject(change, plan)
        stated = Proposal(subject=subject, at=self.journal.clock.now(), reason=reason, who=who)
        proposal, _ = self._sign(stated)  # first: without a key that is permitted nothing is left behind
        self._create(change, "plan", canonical_json(plan))
        self._create(change, "proposal", proposal)

    def approve(self, proposed: Proposed, seconds: int, reason: str) -> Proposed:
        """Approve it for `seconds` from now; how it stands then.

        Raises ApprovalMissing when who signs here wants it themselves, InvalidInput when their key may not approve.
        """
        now = self.journal.clock.now()
        expires = now + timedelta(seconds=seconds)
        stated = Approval(subject=proposed.subject, at=now, reason=reason, expires=expires)
        body, principal = self._sign(stated)
        proposed.refuse_approver(principal)
        self._create(proposed.id, f"approvals/{sha256_hex(body)}", body)
        return self.read(proposed.id)

    def withdraw(self, proposed: Proposed, reason: str) -> None:
        """Let it be applied no more. Raises Conflict when that was said already."""
        stated = Withdrawal(subject=proposed.subject, at=self.journal.clock.now(), reason=reason)
        self._create(proposed.id, "withdrawal", self._sign(stated)[0])

    def read(self, change: str) -> Proposed:
        """A proposed change, every signature checked.

        Raises UsageError when there is none of that ID, or it has begun; VerificationFailed, naming the object, when
        plan, proposal, an approval or a withdrawal is not what somebody trusted has put there.
        """
        names = self._names(change)
        signed, maker = self._plan(change)
        subject = self._subject(change, signed)
        proposal = self._stated(subject, Proposal, "proposal")
        approvals = [self._approval(subject, name) for name in names if name.startswith("approvals/")]
        needs = Needs(required=required_for(signed.plan, self.required), now=self.journal.clock.now())
        counted = tally(approvals, (maker, proposal.principal), needs)
        withdrawn = self._stated(subject, Withdrawal, "withdrawal") if "withdrawal" in names else None
        return Proposed(signed, maker, proposal, counted, withdrawn)

    def admit(self, change: str, plan: SignedPlan) -> Mapping[str, JsonValue]:
        """What the journal is to keep of the approvals, once they are enough at this moment.

        Raises ApprovalMissing when they are not, and as `read` does. The caller holds the lease: the plan that acts is
        the one that was approved, not what lay there before or lies there afterwards.
        """
        proposed = self.read(change)
        proposed.refuse_unready()
        if proposed.signed.digest != plan.digest:
            other = Bilingual(f"it is no longer plan {plan.digest}", f"это уже не план {plan.digest}")
            raise replaced(self._key(change, "plan"), other)
        return for_journal(proposed.tally)

    def waiting(self) -> list[str]:
        """IDs of all that were proposed, have not begun and were not withdrawn; oldest first."""
        prefix = f"{self.journal.root}/changes/"
        known: dict[str, set[str]] = {}
        for key in self.journal.store.keys(prefix):
            change, _, name = key.removeprefix(prefix).partition("/")
            known.setdefault(change, set()).add(name.partition("/")[0])
        return sorted(change for change, names in known.items() if is_change_id(change) and _is_waiting(names))

    def holds(self, change: str) -> bool:
        """Whether this is a change that was proposed and has not begun."""
        names = self._stored(change)
        return "proposal" in names and not _has_begun(names)

    def _stored(self, change: str) -> list[str]:
        prefix = self._key(change, "")
        keys = self.journal.store.keys(prefix) if is_change_id(change) else iter(())
        return [key.removeprefix(prefix) for key in islice(keys, _MOST_KEYS)]

    def _names(self, change: str) -> list[str]:
        """What is stored of a proposed change."""
        environment, names = self.journal.environment, self._stored(change)
        if _has_begun(names):
            begun = Bilingual(f"change {change} has begun already", f"изменение {change} уже начато")
            raise UsageError(begun, f"clmdeploy change show {change} -e {environment}")
        if sum(name.startswith("approvals/") for name in names) > MOST_APPROVALS:
            many = Bilingual(f"there are more than {MOST_APPROVALS} of them", f"их больше {MOST_APPROVALS}")
            raise replaced(self._key(change, "approvals"), many)
        if "proposal" not in names:
            raise UsageError(*_unknown_words(environment, repr(change[:80])))
        return names

    def _plan(self, change: str) -> tuple[SignedPlan, str]:
        key = self._key(change, "plan")
        try:
            signed, maker = read_with_maker(self.journal.store.get(key).body, self.journal.verifier, "it")
        except (InvalidInput, Missing) as error:
            raise replaced(key, error.message) from error
        whose = signed.plan.environment, signed.plan.environment_id
        if whose != (self.journal.environment, self.environment_id):
            other = " ".join(whose)
            raise replaced(key, Bilingual(f"it was signed by {maker} for {other}", f"{maker} подписал это для {other}"))
        return signed, maker

    def _approval(self, subject: Subject, name: str) -> Signed[Approval]:
        found = self._stated(subject, Approval, name)
        if name != f"approvals/{found.digest}":
            raise replaced(found.key, Bilingual("its name is not its digest", "его имя — не его дайджест"))
        return found

    def _stated(self, subject: Subject, kind: type[Statement], name: str) -> Signed[Statement]:
        key = self._key(subject.change, name)
        try:
            body = self.journal.store.get(key, LARGEST).body
        except (InvalidInput, Missing) as error:
            raise replaced(key, error.message) from error
        found = read_signed(kind, key, body, self.journal.verifier)
        found.refuse_unless_about(subject)
        return found

    def _subject(self, change: str, signed: SignedPlan) -> Subject:
        return Subject(
            environment=self.journal.environment, environment_id=self.environment_id, change=change, plan=signed.digest
        )

    def _sign(self, statement: Proposal | Approval | Withdrawal) -> tuple[bytes, str]:
        return sign_statement(statement, self.journal.signer, self.journal.verifier)

    def _create(self, change: str, name: str, body: bytes) -> None:
        self.journal.store.put(self._key(change, name), body, only_if_absent=True)

    def _key(self, change: str, name: str) -> str:
        return f"{self.journal.root}/changes/{change}/{name}"


def _unknown_words(environment: str, change: str) -> tuple[str, str]:
    listing = f"`clmdeploy change list -e {environment}`"
    return (
        Bilingual(f"{environment} has no proposed change {change}", f"в среде {environment} не предлагали {change}"),
        Bilingual(f"{listing} shows those that wait", f"ожидающие покажет {listing}"),
    )


def _has_begun(names: Sequence[str]) -> bool:
    return any(name.startswith("events/") for name in names)


def _is_waiting(names: set[str]) -> bool:
    return "proposal" in names and not names & {"events", "withdrawal"}
