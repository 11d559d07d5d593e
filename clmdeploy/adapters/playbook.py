"""Runs one playbook through ansible-runner, and tells what became of each host.

An unreachable host does not stop a serial play (ansible #56265): batches are the executor's, one run a batch, and a
host that could not be reached has failed.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clmdeploy.adapters import tether
from clmdeploy.adapters.playbook_environment import cleaned, own_variables
from clmdeploy.adapters.playbook_files import playbooks_directory
from clmdeploy.adapters.processes import end_processes_of
from clmdeploy.adapters.rundir import clear_stale, run_directory
from clmdeploy.adapters.wire import read_reply
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.hosts import Host

Event = Mapping[str, Any]  # Any: ansible-runner's events, read key by key
# ssh's only words: with a complaint of a shared connection before it, an earlier attempt may have reached the host.
_NEVER_BEGUN = re.compile(r"Failed to connect to the host via ssh: ssh: connect to host \S+ port \d+: [^\r\n]*")


@dataclass(frozen=True)
class PlaybookRun:
    """One run: which playbook, on whom, with what. `timeout` in seconds, for all hosts together."""

    playbook: str
    hosts: Sequence[Host]
    variables: Mapping[str, object]
    known_hosts: Path
    timeout: int
    sockets: Path | None = None
    """directory of shared SSH connections, to go on with those of an earlier run"""
    check: bool = False
    guarded: bool = False
    """only a reply of the guard counts as done: Ansible's closing statistics call a host fine without one"""

    def outcomes(self, listen: OutcomeListener) -> dict[str, Outcome]:
        """By inventory name. The first word about a host counts: a failure comes before the closing statistics."""
        heard: dict[str, Outcome] = {}

        def on_event(event: Event) -> bool:
            if self.guarded and event.get("event") == "playbook_on_stats":
                return False
            for host, outcome in told_by(event):
                if host not in heard:
                    heard[host] = outcome
                    listen(host, outcome)
            return False  # ansible-runner then keeps no file of the event

        complaint = self._run(on_event)
        silent = Outcome(status="unknown", message=complaint or "Ansible ended without a word about this host")
        return {host.name: heard.get(host.name, silent) for host in self.hosts}

    def _run(self, on_event: Any) -> str:  # Any: ansible-runner's callback
        """What Ansible said when it ended before it reached any host, else nothing."""
        from ansible_runner.interface import init_runner  # heavy: only when a playbook is really run

        clear_stale()
        with run_directory() as place:
            own = own_variables(place, self.known_hosts, self.sockets or place / "sockets")
            runner = init_runner(
                private_data_dir=str(place), playbook=str(playbooks_directory() / f"{self.playbook}.yml"),
                inventory={"all": {"hosts": {host.name: _connection_facts(host) for host in self.hosts}}},
                extravars=dict(self.variables), envvars=own, timeout=self.timeout,
                cmdline="--check" if self.check else None, quiet=True, event_handler=on_event,
                settings={"suppress_ansible_output": True, "pexpect_use_poll": True}, cancel_callback=lambda: False,
            )  # fmt: skip
            runner.config.command = _tethered(runner.config.command)
            runner.config.env = cleaned(runner.config.env, own)
            try:
                runner.run()
            finally:  # after a time limit: ansible-runner ends its own process group, Ansible's workers are in others
                end_processes_of(place)
            if runner.rc == 0 or runner.stats is not None:
                return ""
            return f"ansible-playbook {self.playbook}: {runner.stdout.read()[-1000:].strip()}"


def told_by(event: Event) -> Iterator[tuple[str, Outcome]]:
    """What an event says of hosts: a reply of the guard, a failure, or, at the end, how much was changed."""
    data = event.get("event_data", {})
    result = data.get("res") or {}
    match event.get("event"):
        case "runner_on_ok" if result.get("reply"):
            yield data["host"], read_reply(0, base64.b64decode(result["reply"]), b"")
        case "runner_on_failed" if "code" in result:  # the guard did not reply, but may have acted
            yield data["host"], read_reply(int(result["code"]), b"", str(result.get("said", "")).encode())
        case "runner_on_failed":
            status = "timed-out" if result.get("timedout") else "failed"
            yield data["host"], Outcome.model_validate({"status": status, "message": _message(result)})
        case "runner_on_unreachable":
            said = _message(result)
            yield data["host"], Outcome(status="unreachable", message=said, acted=not _NEVER_BEGUN.fullmatch(said))
        case "playbook_on_stats":
            bad = {**data.get("failures", {}), **data.get("dark", {})}
            for host in data.get("processed", {}).keys() - bad.keys():
                yield host, Outcome(status="done", result={"changed": int(data.get("changed", {}).get(host, 0))})


def _tethered(command: list[str]) -> list[str]:
    """The command, to be ended when this process is gone, however it goes."""
    return [sys.executable, "-IS", tether.__file__, str(os.getpid()), *command]


def _connection_facts(host: Host) -> dict[str, object]:
    facts: dict[str, object] = {
        "ansible_host": host.address, "ansible_port": host.port, "ansible_user": host.user,
        "ansible_python_interpreter": "/usr/bin/python3",
    }  # fmt: skip
    if host.identity_file:
        facts["ansible_ssh_private_key_file"] = str(Path(host.identity_file).expanduser())
    return facts


def _message(result: Event) -> str:
    return str(result.get("msg") or result.get("module_stderr") or result)[:1000].strip()
