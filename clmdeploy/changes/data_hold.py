"""The data lease of a change, held only around the steps that read or change the data as a whole.

So a nightly backup blocks no rollout, and a rollout blocks no backup but while it migrates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.changes.turns import Request, Turns
from clmdeploy.model.errors import LeaseHeld, OutcomeUnknown

STOP_WAIT = 600.0  # seconds that a backup, once asked, may take to its next safe point


class DataHold:
    """For one run of one change, whose own lease is held all the while."""

    def __init__(self, leases: Turns, fleet: Request, *, stop_backup: bool = False) -> None:
        """`stop_backup`: ask a holder that yields to make way, and wait for that."""
        self._leases = leases
        self._is_second = fleet.scope != "data"
        self._request = replace(fleet, scope="data")
        self._stop_backup = stop_backup
        self._held: Holding | None = None
        self.stop_wanted: Callable[[], bool] = lambda: False
        """whether whoever waits here wants no more of it"""

    def await_free(self, plan: Plan) -> None:
        """What would be in the way later, told before anything is done. Raises as `Leases.acquire` does."""
        if any(step.data for step in plan.steps):
            self._leases.await_free("data", max(self._request.wait, self._asked()))

    def around(self, step: Step) -> None:
        """Hold the lease if the step needs it, give it back if not. Raises LeaseHeld, or OutcomeUnknown."""
        if not step.data:
            self.close()
        elif self._held is None:
            self._held = self._taken()
        if self._held is not None:
            self._held.check()

    def close(self) -> None:
        """Give back what is held."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def inherit(self) -> None:
        """What a lost control node of this change still held is ours to give back.

        A change of the data alone has no other lease than the one that was taken over already.
        """
        if self._is_second:
            self._held = self._leases.succeed(self._request)

    def _taken(self) -> Holding:
        """In the middle of a change a holder is waited for only until it shows that it lives, or makes way."""
        inherited = self._leases.succeed(self._request)
        if inherited is not None:
            return inherited
        standing = self._leases.read("data")
        patience = standing[0].time_to_live + 2.0 if standing else 0.0
        wait = max(patience, self._asked())
        try:
            return self._leases.acquire(replace(self._request, wait=wait, give_up=self.stop_wanted))
        except OutcomeUnknown as lost:  # a holder that is gone is as much in the way as one that is there
            raise LeaseHeld(lost.message, lost.hint) from lost

    def _asked(self) -> float:
        """Seconds that a backup may take to make way, where that is wanted and it can."""
        standing = self._leases.read("data") if self._stop_backup else None
        if standing is None or not (standing[0].held and standing[0].yields):
            return 0.0
        self._leases.ask_to_stop(standing[0], self._request.who, self._request.reason)
        return STOP_WAIT
