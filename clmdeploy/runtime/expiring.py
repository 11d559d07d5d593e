"""What tells which restore points may be removed, of one environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clmdeploy.queries.expiring import Expiring
from clmdeploy.queries.point_needs import Needs
from clmdeploy.queries.points import points_of

if TYPE_CHECKING:
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
