"""The data lease of a change, held only around the steps that read or change the data as a whole.

So a nightly backup blocks no rollout, and a rollout blocks no backup but while it migrates.
"""

from __future__ import annotations

from dataclasses import replace

from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.lease import Request, Turns
from clmdeploy.changes.plan import Plan, Step

STOP_WAIT = 600.0  # seconds that a backup, once asked, may take to its next safe point


class DataHold:
    """For one run of one change, whose fleet lease is held all the while."""

    def __init__(self, leases: Turns, fleet: Request, *, stop_backup: bool = False) -> None:
        """`stop_backup`: ask a holder that yields to make way, and wait for that."""
        self._leases = leases
        self._request = replace(fleet, scope="data")
        self._stop_backup = stop_backup
        self._held: Holding | None = None

    def await_free(self, plan: Plan) -> None:
        """What would be in the way later, told before anything is done. Raises as `Leases.acquire` does."""
        if any(step.data for step in plan.steps):
            self._leases.await_free("data", self._wait())

    def around(self, step: Step) -> None:
        """Hold the lease if the step needs it, give it back if not. Raises LeaseHeld, or OutcomeUnknown."""
        if not step.data:
            self.close()
        elif self._held is None:
            self._held = self._leases.succeed(self._request) or self._leases.acquire(self._acquiring())
        if self._held is not None:
            self._held.check()

    def close(self) -> None:
        """Give back what is held."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def inherit(self) -> None:
        """What a lost control node of this change still held is ours to give back."""
        self._held = self._leases.succeed(self._request)

    def _acquiring(self) -> Request:
        return replace(self._request, wait=self._wait())

    def _wait(self) -> float:
        """Seconds to wait; a backup is asked to make way first, where that is wanted."""
        standing = self._leases.read("data") if self._stop_backup else None
        if standing is None or not (standing[0].held and standing[0].yields):
            return self._request.wait
        self._leases.ask_to_stop(standing[0], self._request.who, self._request.reason)
        return max(self._request.wait, STOP_WAIT)
