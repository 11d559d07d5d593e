"""Guarded acts on many hosts: a playbook whose role hands each host its request.

Requests lie in files of their own, in memory: Ansible never holds, templates or logs what is in them.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

from clmdeploy.adapters.playbook import PlaybookRun
from clmdeploy.adapters.rundir import clear_stale, private_directory, remove, run_directory
from clmdeploy.adapters.wire import request_text
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener

GRACE = 90  # seconds beyond the act's own limit, for Ansible itself


class PlaybookPerformer:
    """Implements the Performer port over ansible-runner. SSH connections are shared between its runs."""

    def __init__(self, known_hosts: Path) -> None:
        """Raises OutcomeUnknown when a killed run left something on this machine that can't be ended."""
        clear_stale()
        self._known_hosts = known_hosts
        self._sockets = private_directory()
        self._end = weakref.finalize(self, remove, self._sockets)

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`. All acts are of one playbook, one a host."""
        playbook, timeout = acts[0].playbook, acts[0].timeout + GRACE
        keys = {act.host.name: act.key for act in acts}
        with run_directory() as requests:
            for act in acts:
                (requests / act.host.name).write_text(request_text(act))
            run = PlaybookRun(
                playbook=playbook, hosts=[act.host for act in acts], known_hosts=self._known_hosts,
                sockets=self._sockets, timeout=timeout + GRACE, guarded=True,
                variables={f"{playbook}_requests": str(requests), f"{playbook}_timeout": timeout},
            )  # fmt: skip
            outcomes = run.outcomes(lambda host, outcome: listen(keys[host], outcome))
        return {keys[host]: outcome for host, outcome in outcomes.items()}

    def close(self) -> None:
        """End the shared SSH connections."""
        self._end()
