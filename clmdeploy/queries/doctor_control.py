"""Judges the control node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clmdeploy.model.checks import Check, ControlNode, Verdict
from clmdeploy.model.errors import ClmError


def control_checks(node: ControlNode, unread: Mapping[str, ClmError]) -> Iterator[Check]:
    """`unread`: setting → what keeps that secret from being read. Those of backups are not needed to deploy."""
    yield _check("Python", "ok", node.python)
    if node.ansible:
        yield _check("Ansible", "ok", f"ansible-core {node.ansible}")
    else:
        yield _check(
            "Ansible",
            "fail",
            "there is no ansible-playbook beside this Python",
            "install clmdeploy anew: pip install clmdeploy",
        )
    if node.openssh and node.ssh_keygen:
        yield _check("OpenSSH", "ok", node.openssh)
    else:
        lacking = "ssh-keygen" if node.openssh else "ssh"
        yield _check("OpenSSH", "fail", f"{lacking} is not installed", "apt install openssh-client")
    if node.in_memory:
        yield _check("run directories", "ok", f"{node.run_directory} is in memory")
    else:
        remedy = "set XDG_RUNTIME_DIR to a directory on tmpfs: variables of playbooks are written there for a moment"
        yield _check("run directories", "warn", f"{node.run_directory} is on disk", remedy)
    for setting, error in unread.items():
        yield _check("secrets", "warn" if setting.startswith("backup.") else "fail", error.message, error.hint)
    if not unread:
        yield _check("secrets", "ok", "all can be read")


def signing_check(expected: str | None, principal: str | None) -> Check:
    """`principal`: who a signature made here is trusted as; None without a signing key."""
    if principal is None:
        remedy = "set trust.signing_key to change anything from here"
        return _check("signing key", "warn", "none: this control node can only read", remedy)
    if principal != expected:
        remedy = f"set trust.principal to {principal}, or trust.signing_key to the key of {expected}"
        return _check("signing key", "fail", f"it is that of {principal}, but trust.principal is {expected}", remedy)
    return _check("signing key", "ok", f"signs as {principal}, whom allowed_signers trusts")


def notify_check(channel: str, fault: str) -> Check:
    """Nothing stops work here, but its failure would be told to nobody."""
    if fault:
        return _check(f"notify.{channel}", "warn", fault, f"see notify.{channel} in clm.yml: people would not be told")
    return _check(f"notify.{channel}", "ok", "people can be told")


def _check(name: str, verdict: Verdict, finding: str, remedy: str = "") -> Check:
    return Check(area="control node", subject="", name=name, verdict=verdict, finding=finding, remedy=remedy)
