"""Guarded acts on many hosts: one ansible-runner call runs one playbook, whose role hands each host its request.

Batches are the executor's, one call a batch: an unreachable host does not stop a serial play (ansible #56265), so here
it counts as failed. Requests travel as base64 in one variable: a string there would be templated on the control node.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clmdeploy.adapters.playbook_files import playbooks_directory
from clmdeploy.adapters.rundir import run_directory, wipe_stale
from clmdeploy.adapters.wire import read_reply, request_text
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.hosts import Host

GRACE = 90  # seconds beyond the act's own limit, for Ansible itself


class PlaybookPerformer:
    """Implements the Performer port over ansible-runner."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts
        wipe_stale()

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`. All acts are of one playbook, one a host."""
        playbook = acts[0].playbook
        requests = {act.host.name: base64.b64encode(request_text(act).encode()).decode() for act in acts}
        variables = {f"{playbook}_requests": requests, f"{playbook}_timeout": acts[0].timeout + GRACE}
        keys = {act.host.name: act.key for act in acts}
        outcomes: dict[str, Outcome] = {}

        def hear(key: str, outcome: Outcome) -> None:
            if keys[key] not in outcomes:  # the closing statistics say nothing new
                outcomes[keys[key]] = outcome
                listen(keys[key], outcome)

        run_playbook(
            playbook, [act.host for act in acts], variables, self._known_hosts, acts[0].timeout + 2 * GRACE, hear
        )
        silent = Outcome(status="unknown", message="Ansible ended without a word about this host")
        return {act.key: outcomes.get(act.key, silent) for act in acts}


def run_playbook(
    playbook: str,
    hosts: Sequence[Host],
    variables: Mapping[str, object],
    known_hosts: Path,
    timeout: int,
    hear: OutcomeListener,
    arguments: str = "",
) -> None:
    """Run one playbook on `hosts`; `hear` gets one outcome a host and task that tells something."""
    import ansible_runner  # heavy: only when a playbook is really run

    with run_directory() as place:
        runner = ansible_runner.run(
            private_data_dir=str(place), playbook=str(playbooks_directory() / f"{playbook}.yml"),
            inventory={"all": {"hosts": {host.name: _connection_facts(host) for host in hosts}}},
            extravars=dict(variables), envvars=_environment(known_hosts, place), quiet=True,
            cmdline=arguments or None, timeout=timeout,
            settings={"suppress_ansible_output": True, "pexpect_use_poll": True},
            event_handler=lambda event: _on_event(event, hear), cancel_callback=lambda: False,
        )  # fmt: skip
        if runner.rc != 0 and runner.stats is None:
            said = runner.stdout.read()[-1000:].strip()
            for host in hosts:
                hear(host.name, Outcome(status="failed", message=f"ansible-playbook {playbook}: {said}", acted=False))


def _connection_facts(host: Host) -> dict[str, object]:
    facts: dict[str, object] = {
        "ansible_host": host.address, "ansible_port": host.port, "ansible_user": host.user,
        "ansible_python_interpreter": "/usr/bin/python3",
    }  # fmt: skip
    if host.identity_file:
        facts["ansible_ssh_private_key_file"] = str(Path(host.identity_file).expanduser())
    return facts


def _environment(known_hosts: Path, place: Path) -> dict[str, str]:
    """What differs from run to run; the rest of Ansible's settings stand in playbooks/ansible.cfg."""
    ssh = {
        "UserKnownHostsFile": known_hosts, "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "yes",
        "BatchMode": "yes", "ServerAliveInterval": 5, "ServerAliveCountMax": 3,
        "ControlMaster": "auto", "ControlPersist": 60,
    }  # fmt: skip
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(playbooks_directory() / "ansible.cfg"),
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_SSH_ARGS": "-F /dev/null " + " ".join(f"-o {name}={value}" for name, value in ssh.items()),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control_directory()),
        "LC_ALL": "C.UTF-8",
    }


def control_directory() -> Path:
    """Sockets of shared SSH connections: kept between the runs of one process; the path must stay short (104 bytes)."""
    place = Path("/tmp") / f".clm-{os.getuid()}-{os.getpid()}"  # noqa: S108  # made private below, and checked
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise PermissionError(f"{place} belongs to somebody else")
    return place


def _on_event(event: dict[str, Any], hear: OutcomeListener) -> bool:  # Any: ansible-runner's event, read key by key
    data = event.get("event_data", {})
    result = data.get("res") or {}
    match event.get("event"):
        case "runner_on_ok" if result.get("reply"):
            hear(data["host"], read_reply(0, base64.b64decode(result["reply"]), b""))
        case "runner_on_failed":
            status = "timed-out" if result.get("timed_out") else "failed"
            hear(data["host"], Outcome.model_validate({"status": status, "message": _message(result)}))
        case "runner_on_unreachable":
            hear(data["host"], Outcome(status="unreachable", message=_message(result)))
        case "playbook_on_stats":
            for host, number in _changes(data).items():
                hear(host, Outcome(status="done", result={"changed": number}))
    return False  # ansible-runner then keeps no file of the event


def _changes(statistics: dict[str, Any]) -> dict[str, int]:  # Any: ansible-runner's event
    """Hosts where nothing failed, and how many tasks changed something there."""
    bad = {**statistics.get("failures", {}), **statistics.get("dark", {})}
    changed = statistics.get("changed", {})
    return {host: int(changed.get(host, 0)) for host in statistics.get("processed", {}) if host not in bad}


def _message(result: dict[str, Any]) -> str:
    return str(result.get("msg") or result.get("module_stderr") or result)[:1000].strip()
