"""Which variables of an inventory say how a host is reached, and what becomes of all the others.

Four are honoured. Variables that don't begin with `ansible_` are the operator's own (for playbooks of their own) and
are ignored. Every other `ansible_` variable changes how Ansible would connect or act: to ignore it in silence would
mean to connect otherwise than the file says, so it is refused, with the reason.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from clmdeploy.config.schema import faults_of
from clmdeploy.model.hosts import Host

HONOURED = {
    "ansible_host": "address",
    "ansible_port": "port",
    "ansible_user": "user",
    "ansible_ssh_private_key_file": "identity_file",
}

_KEYS_ONLY = "passwords don't stand in inventories: use a key, and sudo rules without a password for that account"
_OWN_OPTIONS = "host keys and time limits are clmdeploy's own: options of ssh can't be set here"
_REFUSED = {
    "ansible_ssh_host": "write ansible_host",
    "ansible_ssh_port": "write ansible_port",
    "ansible_ssh_user": "write ansible_user",
    "ansible_private_key_file": "write ansible_ssh_private_key_file",
    "ansible_password": _KEYS_ONLY,
    "ansible_ssh_pass": _KEYS_ONLY,
    "ansible_become_pass": _KEYS_ONLY,
    "ansible_become_password": _KEYS_ONLY,
    "ansible_ssh_common_args": _OWN_OPTIONS,
    "ansible_ssh_extra_args": _OWN_OPTIONS,
    "ansible_scp_extra_args": _OWN_OPTIONS,
    "ansible_sftp_extra_args": _OWN_OPTIONS,
    "ansible_host_key_checking": _OWN_OPTIONS,
    "ansible_ssh_host_key_checking": _OWN_OPTIONS,
    "ansible_ssh_executable": "clmdeploy runs ssh as it is found on PATH",
}
# These say what clmdeploy does anyway. Any other value is refused.
_CERTAIN: dict[str, tuple[object, ...]] = {
    "ansible_connection": ("ssh",),
    "ansible_become": (True,),
    "ansible_become_method": ("sudo",),
    "ansible_become_user": ("root",),
    "ansible_python_interpreter": ("/usr/bin/python3",),
    "ansible_shell_type": ("sh",),
}


def objection(variable: str, value: Any) -> str:  # Any: whatever YAML held
    """Why `variable: value` can't stand in an inventory of clmdeploy; empty when it can."""
    if variable in HONOURED:
        return _malformed(variable, value)
    if variable in _REFUSED:
        return _REFUSED[variable]
    if variable in _CERTAIN:
        allowed = _CERTAIN[variable]
        return "" if value in allowed else f"must be {str(allowed[0]).lower()}: clmdeploy works in no other way"
    if variable.startswith("ansible_"):
        return f"is not honoured by clmdeploy, so it must not stand here (honoured: {', '.join(HONOURED)})"
    return ""


def explained() -> list[tuple[str, str]]:
    """The refused variables by name with the reason, for the reference page."""
    fixed = [
        (name, f"only `{str(allowed[0]).lower()}`: clmdeploy works in no other way")
        for name, allowed in _CERTAIN.items()
    ]
    return [*_REFUSED.items(), *fixed]


def _malformed(variable: str, value: Any) -> str:  # Any: whatever YAML held
    wanted = (str, int) if variable == "ansible_port" else (str,)
    if not isinstance(value, wanted) or isinstance(value, bool) or not str(value).isprintable():
        return "must be a port from 1 to 65535" if variable == "ansible_port" else "must be text"
    try:
        Host.model_validate({"name": "host", "address": "host"} | {HONOURED[variable]: value})
    except ValidationError as error:
        return faults_of(error, Host)[0][1]
    return "" if value else "must not be empty"
