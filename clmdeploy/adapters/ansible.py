"""Guarded acts on many hosts: a playbook whose role hands each host its request.

Requests travel as base64 in one variable: a string there would be templated on the control node.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from clmdeploy.adapters.playbook import PlaybookRun
from clmdeploy.adapters.rundir import PREFIX, memory_directory, wipe_stale
from clmdeploy.adapters.wire import request_text
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener

GRACE = 90  # seconds beyond the act's own limit, for Ansible itself
UNANSWERED = Outcome(status="unknown", message="the guard's reply did not come back through Ansible")


class PlaybookPerformer:
    """Implements the Performer port over ansible-runner. SSH connections are shared between its runs."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts
        wipe_stale()
        self._sockets = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory_directory()))
        weakref.finalize(self, shutil.rmtree, self._sockets, ignore_errors=True)

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`. All acts are of one playbook, one a host."""
        playbook, timeout = acts[0].playbook, acts[0].timeout + GRACE
        requests = {act.host.name: base64.b64encode(request_text(act).encode()).decode() for act in acts}
        keys = {act.host.name: act.key for act in acts}
        run = PlaybookRun(
            playbook=playbook, hosts=[act.host for act in acts], known_hosts=self._known_hosts, sockets=self._sockets,
            variables={f"{playbook}_requests": requests, f"{playbook}_timeout": timeout}, timeout=timeout + GRACE,
        )  # fmt: skip
        outcomes = run.outcomes(lambda host, outcome: listen(keys[host], outcome))
        return {keys[host]: _answered(outcome) for host, outcome in outcomes.items()}


def _answered(outcome: Outcome) -> Outcome:
    """Ansible's closing statistics call a host fine; without the guard's own reply nobody knows."""
    return UNANSWERED if outcome.is_done and set(outcome.result) == {"changed"} else outcome
