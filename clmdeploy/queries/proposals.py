"""Proposed changes in a listing. One that can't be believed is listed with its fault: the others must still be seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from clmdeploy.changes.approvals import Tally
from clmdeploy.changes.events import Who
from clmdeploy.changes.proposals import Proposals
from clmdeploy.changes.proposed import Proposed
from clmdeploy.model.errors import ClmError, StoreUnavailable
from clmdeploy.model.value import Value

PARALLEL = 8


class ProposalSummary(Value):
    """A change that was proposed and has not begun."""

    id: str
    kind: str = ""
    title: str = ""
    reason: str = ""
    who: Who | None = None
    """who proposed it; the principal is the one that signed"""
    at: str | None = None
    digest: str = ""
    tally: Tally = Tally(required=0)
    fault: str = ""
    """why it is not to be believed; then nothing else is known"""


def waiting(proposals: Proposals, most: int) -> list[ProposalSummary]:
    """The newest changes that wait, newest first."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="proposals") as pool:
        return list(pool.map(lambda change: _looked_at(proposals, change), reversed(proposals.waiting()[-most:])))


def summary_of(found: Proposed) -> ProposalSummary:
    """One proposed change in the words of a listing."""
    plan, stated = found.signed.plan, found.proposal.statement
    return ProposalSummary(
        id=found.id, kind=plan.kind, title=plan.title, reason=stated.reason, digest=found.signed.digest,
        who=found.who, at=stated.at.isoformat(), tally=found.tally,
    )  # fmt: skip


def _looked_at(proposals: Proposals, change: str) -> ProposalSummary:
    try:
        return summary_of(proposals.read(change))
    except StoreUnavailable:
        raise
    except ClmError as error:
        return ProposalSummary(id=change, fault=error.message)
