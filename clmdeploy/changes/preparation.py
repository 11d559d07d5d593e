"""Preparing bare hosts: no change, because there is no guard yet to go through, but nothing else may act meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.lease_document import HOST_SETUP
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ClmError, NothingChanged, PartlyChanged


@contextmanager
def nobody_else(leases: Leases, who: Who, wait: float) -> Iterator[None]:
    """Holds the fleet lease. A `host setup` that was cut off is taken over: a second run completes it.

    Raises LeaseHeld, or OutcomeUnknown, when somebody else is at work for longer than `wait` seconds.
    """
    request = Request("fleet", who, HOST_SETUP, "host setup", wait)
    standing = leases.read("fleet")
    own = standing is not None and standing[0].held and standing[0].change == HOST_SETUP
    lease = leases.take_over(request) if own else leases.acquire(request)
    try:
        yield
    finally:
        lease.release()


@dataclass(frozen=True)
class Preparation:
    """What came of it on each host."""

    environment: str
    outcomes: Mapping[str, Outcome]

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(name for name, outcome in self.outcomes.items() if not outcome.is_done)

    def changes(self, host: str) -> int:
        """How many things were changed, or would be, on a host where all went well."""
        return int(self.outcomes[host].result.get("changed", 0))

    def failure(self) -> ClmError | None:
        """What to tell when some hosts could not be prepared; None when all could.

        A host that failed half-way may have been changed too, but a second run does only what is still lacking.
        """
        if not self.failed:
            return None
        causes = "\n".join(self.outcomes[name].complaint(name) for name in self.failed)
        hint = f"mend that, then: clmdeploy host setup -e {self.environment} --limit {','.join(self.failed)}"
        changed = any(self.changes(name) for name in self.outcomes if name not in self.failed)
        return PartlyChanged(causes, hint) if changed else NothingChanged(causes, hint)
