"""Prepares bare hosts: the one piece of work that happens before there is a guard to go through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clmdeploy.adapters.playbook import PlaybookRun
from clmdeploy.adapters.program import guard_source
from clmdeploy.adapters.rundir import run_directory
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.hosts import Host

TIMEOUT = 900


def prepare_hosts(
    hosts: Sequence[Host],
    known_hosts: Path,
    variables: Mapping[str, object],
    listen: OutcomeListener,
    *,
    check: bool = False,
) -> dict[str, Outcome]:
    """Run the setup playbook; result `changed` says how many things differed on that host.

    `variables`: inputs of role host_setup but the guard's own. `check`: tell what would change, change nothing.
    """
    with run_directory() as place:
        guard = place / "guard"
        guard.write_bytes(guard_source())
        inputs = {**variables, "host_setup_guard": str(guard)}
        return PlaybookRun("setup", hosts, inputs, known_hosts, TIMEOUT, check=check).outcomes(listen)
