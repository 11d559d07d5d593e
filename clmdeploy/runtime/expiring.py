"""What tells which restore points may be removed, of one environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clmdeploy.changes.ledger import OPEN, Ledger
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import NothingChanged
from clmdeploy.planners.expiry_review import overtaken
from clmdeploy.queries.expiring import Expiring
from clmdeploy.queries.point_needs import Needs
from clmdeploy.queries.points import points_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from clmdeploy.changes.lease_document import LeaseDocument
    from clmdeploy.runtime import Runtime


def needs_of(runtime: Runtime) -> Needs:
    """Who needs a restore point."""
    return Needs(runtime.environment, runtime.journals, runtime.proposals, runtime.hosts, runtime.catalogue)


def expiring_of(runtime: Runtime) -> Expiring:
    """Gathers all that bears upon a removal."""

    def lease() -> LeaseDocument | None:
        standing = runtime.leases.read("data")
        return standing[0] if standing else None

    return Expiring(
        needs=needs_of(runtime), points=lambda: points_of(runtime.points, runtime.marks), engines=runtime.engines,
        lease=lease, clock=runtime.clock, inputs=runtime.inputs(),
    )  # fmt: skip


def review(runtime: Runtime, change: str, ledger: Ledger) -> Collection[str]:
    """See `conductor.Review`: repositories from which an interrupted expiry must drop nothing more.

    Raises NothingChanged while all of it can still be taken back.
    """
    if ledger.plan.kind != "expire":
        return ()
    seen = expiring_of(runtime).look(ours=change)
    late = overtaken(ledger, seen.facts.repositories.present, seen.verdicts)
    # What was cut off may never have begun: abort looks, before it takes back what it can.
    if late and all(ledger.targets(step, *OPEN) for step in ledger.irreversible_done()):
        raise NothingChanged(*_overtaken_words(change, runtime.environment.name, sorted(late)))
    return late


def _overtaken_words(change: str, environment: str, late: list[str]) -> tuple[Bilingual, Bilingual]:
    names, abort = ", ".join(late), f"`clmdeploy change abort {change} -e {environment}`"
    return (
        Bilingual(
            f"what this expiry would drop from {names} must not go any more, as things stand now",
            f"то, что удалила бы эта очистка из {names}, при нынешнем положении дел удалять нельзя",
        ),
        Bilingual(
            f"{abort} makes its points restore points again where nothing has gone; then run backup expire",
            f"{abort} вернёт её точки, если ничего ещё не удалено; затем выполните backup expire",
        ),
    )
