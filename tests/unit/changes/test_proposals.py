"""Proposals in a bucket that others can write to: nothing that they edit, copy, rename or invent is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.events import Who
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.plan import Policy
from clmdeploy.changes.proposals import MOST_APPROVALS, Proposals
from clmdeploy.changes.signed_plan import sign_plan
from clmdeploy.changes.statements import Approval, Subject, Withdrawal, sign_statement
from clmdeploy.model.errors import ApprovalMissing, Conflict, InvalidInput, UsageError, VerificationFailed
from clmdeploy.model.value import canonical_json, sha256_hex
from tests.unit.changes.conftest import FakeClock, make_plan
from tests.unit.cli.desk import DigestSigner

CHANGE, OTHER = "20260701-090000000-deploy-aaaa", "20260701-090000001-deploy-bbbb"
HOME = f"test/changes/{CHANGE}"
PLAN = make_plan()
SUBJECT = Subject(environment="test", environment_id="e", change=CHANGE, plan=PLAN.digest)


@dataclass
class Bucket:
    """A state bucket with one approved proposal in it, and two people who have keys."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.propose(CHANGE)
        self.approve(CHANGE)

    def desk(self, principal: str, environment: str = "test") -> Proposals:
        signer = DigestSigner(principal)
        return Proposals(Journal(self.store, environment, signer, DigestSigner(), self.clock), "e", 1)

    def propose(self, change: str, *, migrate: bool = True) -> None:
        plan = sign_plan(make_plan(migrate=migrate), DigestSigner())
        self.desk("admin@lab").propose(change, plan, Who(principal="admin@lab", user="u", host="h"), "why")

    def approve(self, change: str, seconds: int = 3600) -> None:
        second = self.desk("second@lab")
        second.approve(second.read(change), seconds, "fine")

    def admit(self) -> object:
        """What somebody who applies the change gets."""
        return self.desk("admin@lab").admit(CHANGE, sign_plan(PLAN, DigestSigner()))

    @property
    def approval(self) -> str:
        """Key of the approval."""
        (key,) = self.store.keys(f"{HOME}/approvals/")
        return key

    def move(self, source: str, target: str) -> None:
        """Copy everything below one change to another."""
        for key in list(self.store.keys(f"{source}/")):
            self.store.put(key.replace(source, target), self.store.get(key).body)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def test_what_nobody_touched_is_admitted(bucket: Bucket) -> None:
    """The approval is named for the journal by its digest."""
    (kept,) = bucket.admit()["approvals"]  # type: ignore[index]  # a mapping
    assert (kept["principal"], f"{HOME}/approvals/{kept['digest']}") == ("second@lab", bucket.approval)


def another_plan(bucket: Bucket) -> str:
    """A plan that the maker signed too, but never proposed under this ID."""
    other = sign_plan(make_plan(policy=Policy(on_failure="stop")), DigestSigner())
    bucket.store.put(f"{HOME}/plan", canonical_json(other))
    return f"plan {PLAN.digest}, not {other.digest}"


def edited_plan(bucket: Bucket) -> str:
    bucket.store.put(f"{HOME}/plan", bucket.store.get(f"{HOME}/plan").body.replace(b'"timeout":10', b'"timeout":11'))
    return f"{HOME}/plan"


def stranger_s_plan(bucket: Bucket) -> str:
    bucket.store.put(f"{HOME}/plan", canonical_json(sign_plan(PLAN, DigestSigner("stranger"))))
    return f"{HOME}/plan"


def edited_expiry(bucket: Bucket) -> str:
    body = bucket.store.get(bucket.approval).body
    bucket.store.put(bucket.approval, body.replace(b'"expires":"2026', b'"expires":"2036'))
    assert bucket.store.get(bucket.approval).body != body
    return bucket.approval


def copied_approval(bucket: Bucket) -> str:
    """The second principal's own, of another change."""
    bucket.propose(OTHER)
    bucket.approve(OTHER)
    (key,) = bucket.store.keys(f"test/changes/{OTHER}/approvals/")
    target = key.replace(OTHER, CHANGE)
    bucket.store.put(target, bucket.store.get(key).body)
    return target


def stranger_s_approval(bucket: Bucket) -> str:
    return forged(bucket, "stranger", SUBJECT)


def another_environment_s(bucket: Bucket) -> str:
    return forged(bucket, "third@lab", SUBJECT.model_copy(update={"environment_id": "f"}))


def another_plan_s(bucket: Bucket) -> str:
    return forged(bucket, "third@lab", SUBJECT.model_copy(update={"plan": "0" * 64}))


def renamed_approval(bucket: Bucket) -> str:
    bucket.store.put(f"{HOME}/approvals/second", bucket.store.get(bucket.approval).body)
    return f"{HOME}/approvals/second"


def withdrawal_as_approval(bucket: Bucket) -> str:
    """Signed by somebody trusted, but for another purpose."""
    stated = Withdrawal(subject=SUBJECT, at=bucket.clock.now())
    body = stored(stated, "third@lab")
    bucket.store.put(f"{HOME}/approvals/{sha256_hex(body)}", body)
    return f"{HOME}/approvals/{sha256_hex(body)}"


def stranger_s_withdrawal(bucket: Bucket) -> str:
    stated = Withdrawal(subject=SUBJECT, at=bucket.clock.now())
    bucket.store.put(f"{HOME}/withdrawal", stored(stated, "stranger"))
    return f"{HOME}/withdrawal"


def rubbish(bucket: Bucket) -> str:
    bucket.store.put(f"{HOME}/approvals/x", b'{"statement": 1e999}')
    return f"{HOME}/approvals/x"


def a_flood(bucket: Bucket) -> str:
    for number in range(MOST_APPROVALS):
        bucket.store.put(f"{HOME}/approvals/{number}", b"")
    return f"{HOME}/approvals"


def a_giant(bucket: Bucket) -> str:
    bucket.store.put(f"{HOME}/proposal", b" " * 2**20)
    return f"{HOME}/proposal"


def stored(statement: Approval | Withdrawal, principal: str) -> bytes:
    """As somebody would store it who trusts themselves."""
    signer = DigestSigner(principal, (principal,))
    return sign_statement(statement, signer, signer)[0]


def forged(bucket: Bucket, principal: str, subject: Subject) -> str:
    """An approval of something, put below the change."""
    stated = Approval(subject=subject, at=bucket.clock.now(), expires="2036-01-01T00:00:00Z")
    body = stored(stated, principal)
    bucket.store.put(f"{HOME}/approvals/{sha256_hex(body)}", body)
    return f"{HOME}/approvals/{sha256_hex(body)}"


@pytest.mark.parametrize(
    "attack",
    [
        another_plan, edited_plan, stranger_s_plan, edited_expiry, copied_approval, stranger_s_approval,
        another_environment_s, another_plan_s, renamed_approval, withdrawal_as_approval, stranger_s_withdrawal, rubbish,
        a_flood, a_giant,
    ],
)  # fmt: skip
def test_what_was_replaced_is_refused_and_named(bucket: Bucket, attack: Callable[[Bucket], str]) -> None:
    """Whoever can write to the bucket but has no key gets nowhere: exit code 10, naming the object."""
    named = attack(bucket)
    with pytest.raises(VerificationFailed) as refused:
        bucket.admit()
    assert named in refused.value.message


def test_a_change_copied_to_another_id_is_refused(bucket: Bucket) -> None:
    """Plan, proposal and approvals together say which change they are about."""
    bucket.move(HOME, f"test/changes/{OTHER}")
    with pytest.raises(VerificationFailed, match=f"change {CHANGE}, not {OTHER}"):
        bucket.desk("admin@lab").read(OTHER)


def test_a_change_copied_to_another_environment_is_refused(bucket: Bucket) -> None:
    """What was approved for staging is not approved for production."""
    bucket.move(HOME, HOME.replace("test/", "production/"))
    with pytest.raises(VerificationFailed, match=r"for test e"):
        bucket.desk("admin@lab", "production").read(CHANGE)


@given(data=st.data())
def test_no_edited_byte_passes(data: st.DataObject) -> None:
    """Wherever one byte of plan, proposal or approval is another, the change is refused."""
    bucket = Bucket()
    key = data.draw(st.sampled_from(sorted(bucket.store.keys(f"{HOME}/"))))
    body = bucket.store.get(key).body
    at = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != body[at]))
    bucket.store.put(key, body[:at] + bytes([byte]) + body[at + 1 :])
    with pytest.raises(VerificationFailed):
        bucket.admit()


def test_a_plan_exchanged_after_it_was_shown_does_not_act(bucket: Bucket) -> None:
    """Whatever was shown and confirmed is compared again under the lease."""
    shown = sign_plan(make_plan(policy=Policy(on_failure="stop")), DigestSigner())
    with pytest.raises(VerificationFailed, match="no longer plan"):
        bucket.desk("admin@lab").admit(CHANGE, shown)


def test_an_approval_that_was_removed_is_missing(bucket: Bucket) -> None:
    """It can be taken away by whoever may delete, but not be made up."""
    bare = Bucket()
    bare.store = MemoryStore()
    for name in ("plan", "proposal"):
        bare.store.put(f"{HOME}/{name}", bucket.store.get(f"{HOME}/{name}").body)
    with pytest.raises(ApprovalMissing):
        bare.admit()


def test_a_maker_who_plants_their_own_approval_is_not_counted(bucket: Bucket) -> None:
    """Past the command line they can store one; it counts for nothing."""
    forged(bucket, "admin@lab", SUBJECT)
    (kept,) = bucket.admit()["approvals"]  # type: ignore[index]  # a mapping
    assert kept["principal"] == "second@lab"


def test_who_may_not_approve_leaves_nothing_behind(bucket: Bucket) -> None:
    """A key that nobody trusts for it, and the maker's: both are told before anything is stored."""
    before = list(bucket.store.keys(""))
    stranger = bucket.desk("stranger")
    with pytest.raises(InvalidInput):
        stranger.approve(stranger.read(CHANGE), 60, "")
    with pytest.raises(ApprovalMissing):
        bucket.desk("admin@lab").approve(stranger.read(CHANGE), 60, "")
    assert list(bucket.store.keys("")) == before


def test_an_id_is_taken_once(bucket: Bucket) -> None:
    """Proposing never replaces what is there; withdrawing twice is told."""
    with pytest.raises(Conflict):
        bucket.propose(CHANGE, migrate=False)
    proposals = bucket.desk("second@lab")
    found = proposals.read(CHANGE)
    proposals.withdraw(found, "no")
    with pytest.raises(Conflict):
        proposals.withdraw(found, "no")


@pytest.mark.parametrize("change", ["", "../lease", OTHER, f"{CHANGE}/events", "20260101-000000000-deploy-ffff"])
def test_what_was_never_proposed_is_unknown(bucket: Bucket, change: str) -> None:
    """No such ID, no ID at all, or a plan without a proposal, as a control node leaves it that died too early."""
    bucket.store.put("test/changes/20260101-000000000-deploy-ffff/plan", bucket.store.get(f"{HOME}/plan").body)
    with pytest.raises(UsageError):
        bucket.desk("admin@lab").read(change)
    assert bucket.desk("admin@lab").waiting() == [CHANGE]
