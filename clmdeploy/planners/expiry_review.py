"""An expiry that was interrupted, seen anew before it goes on: what it would drop may be needed by now. Pure.

A deploy may have made its point meanwhile upon a backup that was to go, or a verification found that the last sound
point is sound no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from clmdeploy.backups.point import Holding
from clmdeploy.backups.retention import Verdicts
from clmdeploy.changes.ledger import LEFT, Ledger
from clmdeploy.changes.plan import Step, Target

_ENGINES = {
    "pgbackrest-expire": ("pgbackrest", "labels"),
    "pgdump-expire": ("pgdump", "labels"),
    "restic-expire": ("restic", "snapshots"),
}


def overtaken(ledger: Ledger, present: Set[Holding], verdicts: Verdicts) -> frozenset[str]:
    """Repositories from which the rest of the plan must not be dropped, by what retention says now.

    `present`: what is stored now.
    """
    return frozenset(
        target.subject
        for step in ledger.plan.irreversible
        for target in ledger.targets(step, *LEFT)
        if not _still_goes(step, target, present, verdicts)
    )


def _still_goes(step: Step, target: Target, present: Set[Holding], verdicts: Verdicts) -> bool:
    if verdicts.halted:
        return False
    engine, field = _ENGINES.get(getattr(step.action, "act", ""), ("", ""))
    if engine:
        wanted = {
            Holding(engine=engine, repository=target.arguments["repository"], name=one)
            for one in target.arguments[field]
        }
        return (wanted & present).issubset(verdicts.drops.holdings)
    return any(kept >= target.arguments["full"] for kept in _kept_from(target.subject, verdicts))


def _kept_from(repository: str, verdicts: Verdicts) -> Iterator[str]:
    """Label of the full backup from which log is kept. Labels begin with their time."""
    return (one.full for one in verdicts.drops.logs if one.repository == repository)
