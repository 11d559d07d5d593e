"""The environment variables of a playbook run: the same for every administrator, whatever their shell exports.

An ANSIBLE_* variable of a shell beats any ansible.cfg, so it would change what a run means; and the storage's keys are
none of Ansible's business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from clmdeploy.adapters.playbook_files import playbooks_directory
from clmdeploy.adapters.processes import VARIABLE

INHERITED = frozenset({
    "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "TERM", "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK", "KRB5CCNAME",  # ways to prove who one is to SSH
    "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME",  # where this Python itself was told to look, Ansible's must look too
})  # fmt: skip
OF_RUNNER = frozenset({
    "ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_RETRY_FILES_ENABLED",
    "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS",
})  # fmt: skip
"""what ansible-runner sets itself, by which its events reach it"""


def own_variables(place: Path, known_hosts: Path, sockets: Path) -> dict[str, str]:
    """What differs from run to run; the rest of Ansible's settings stand in playbooks/ansible.cfg.

    `place`: the run's directory; `sockets`: that of its shared SSH connections.
    """
    ssh = {
        # Absolute: Ansible works in a directory of its own.
        "UserKnownHostsFile": known_hosts.absolute(), "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes", "BatchMode": "yes", "ServerAliveInterval": 5, "ServerAliveCountMax": 3,
        "ControlMaster": "auto", "ControlPersist": 60,
    }  # fmt: skip
    return {
        VARIABLE: str(place),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(playbooks_directory() / "ansible.cfg"),
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner says False where nobody says anything
        "ANSIBLE_SSH_ARGS": "-F /dev/null " + " ".join(f"-o {name}={value}" for name, value in ssh.items()),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "LC_ALL": "C.UTF-8",
        # To these ansible-runner would only add its own; empty, they are as if nobody had set them.
        "ANSIBLE_CALLBACK_PLUGINS": "", "ANSIBLE_STDOUT_CALLBACK": "", "AWX_LIB_DIRECTORY": "",
    }  # fmt: skip


def cleaned(prepared: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Of the environment that ansible-runner has prepared: what is meant, and nothing that only leaked in."""
    meant = INHERITED | OF_RUNNER | own.keys()
    return {name: value for name, value in prepared.items() if name in meant}
