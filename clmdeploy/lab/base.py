"""What every host's disk has: names, host key, and who may log in."""

from __future__ import annotations

import uuid
from pathlib import Path

from clmdeploy.lab.authority import public_key
from clmdeploy.lab.disk import DiskDirectory, DiskEntry, DiskFile
from clmdeploy.lab.facts import DEPLOY_USER, LabFacts
from clmdeploy.lab.record import LabRecord
from clmdeploy.lab.spec import HostSpec


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    """A new disk is a new machine (machine-id), but shows the host key that is pinned for its name."""
    key = facts.authority.host_key(host.name)
    login = public_key(facts.authority.ssh_key) + "\n"
    return (
        DiskFile("/etc/machine-id", uuid.uuid4().hex + "\n", 0o444),
        DiskFile("/etc/hostname", host.name + "\n"),
        DiskFile("/etc/hosts", hosts_file(facts.record)),
        DiskFile("/etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600),
        DiskFile("/etc/ssh/ssh_host_ed25519_key.pub", _public(key)),
        DiskDirectory("/root/.ssh", 0o700),
        DiskFile("/root/.ssh/authorized_keys", login, 0o600),
        DiskDirectory(f"/home/{DEPLOY_USER}/.ssh", 0o700, DEPLOY_USER),
        DiskFile(f"/home/{DEPLOY_USER}/.ssh/authorized_keys", login, 0o600, DEPLOY_USER),
    )


def hosts_file(record: LabRecord) -> str:
    """The text of /etc/hosts: the lab has no name server of its own."""
    lines = [f"{record.address(host)} {host.name}" for host in record.spec.hosts]
    return "\n".join(("127.0.0.1 localhost", f"{record.gateway} machine", *lines)) + "\n"


def _public(key: Path) -> str:
    return key.with_name(key.name + ".pub").read_text()
