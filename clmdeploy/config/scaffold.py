"""What a new environment is made of: the values that `init` gathers, and the text of its files."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, ValidationError

from clmdeploy.config.example import render, scalar
from clmdeploy.config.faults import dotted
from clmdeploy.config.fields import (
    AbsolutePath,
    BackendName,
    Bucket,
    Endpoint,
    FilePath,
    Group,
    LoginName,
    Name,
    Principal,
    Region,
    UuidText,
    VariableName,
)
from clmdeploy.config.known_hosts import PinnedKey, lookup_name
from clmdeploy.config.schema import faults_of
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import Value

_HOST = re.compile(
    r"(?:(?P<groups>[a-z][a-z0-9,-]*):)?(?P<name>[^=:\s]+)=(?P<address>\[[^\]]+\]|[^\[\]:\s]+)(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
_HOSTS_HEAD = """\
# The hosts of this environment: a plain Ansible inventory. Groups that clmdeploy knows by name: those of the
# release's components (app, worker, db, ...) and the balancer's (lb). Every host needs its key in known_hosts.
"""
_SIGNERS_HEAD = """\
# Who may sign releases, plans and approvals here: PRINCIPAL [OPTIONS] KEYTYPE KEY (ssh-keygen(1), ALLOWED SIGNERS).
"""
_KNOWN_HOSTS_HEAD = """\
# The pinned host keys: ADDRESS or [ADDRESS]:PORT, KEYTYPE, KEY. A host that shows another key is refused.
"""


def parse_host(text: str) -> Host:
    """One `--host` value: `[GROUP[,GROUP]:]NAME=ADDRESS[:PORT]`, an IPv6 address in brackets; default group: app.

    Raises ValueError when it isn't one.
    """
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not [GROUP:]NAME=ADDRESS[:PORT], like app:app1=10.0.0.1")
    groups = tuple((match["groups"] or "app").split(","))
    facts = {"name": match["name"], "address": match["address"].strip("[]"), "port": match["port"] or 22}
    try:
        return Host.model_validate(facts | {"groups": groups})
    except ValidationError as error:
        key, cause = faults_of(error, Host)[0]
        raise ValueError(f"{text[:80]!r}: {dotted(key)} {cause}") from error


class NewEnvironment(Value):
    """Everything that `init` was told. Each field is the flag of the same name."""

    name: Name
    uuid: UuidText
    hosts: tuple[Host, ...] = Field(min_length=1)
    application: Name
    ssh_user: LoginName
    ssh_key: FilePath | None = None
    endpoint: Endpoint
    region: Region = "us-east-1"
    addressing: Literal["path", "virtual"] = "path"
    ca_file: FilePath | None = None
    state_bucket: Bucket
    release_bucket: Bucket
    access_key_env: VariableName = "CLM_S3_ACCESS_KEY"
    secret_key_env: VariableName = "CLM_S3_SECRET_KEY"  # noqa: S105 the name of a variable
    principal: Principal | None = None
    signing_key: FilePath | None = None
    balancer_socket: AbsolutePath = "/run/haproxy/admin.sock"
    balancer_backends: dict[Group, BackendName] = Field(default_factory=dict)

    def group_names(self) -> tuple[str, ...]:
        """Every group that a host is in, in the order in which they were given."""
        return tuple(dict.fromkeys(group for host in self.hosts for group in host.groups))

    def settings_text(self) -> str:
        """clm.yml, commented."""
        return render(self._settings())

    def _settings(self) -> dict[str, Any]:  # Any: nested as in the file
        storage: dict[str, Any] = {
            "endpoint": self.endpoint,
            "region": self.region,
            "addressing": self.addressing,
            "state_bucket": self.state_bucket,
            "release_bucket": self.release_bucket,
            "access_key": {"env": self.access_key_env},
            "secret_key": {"env": self.secret_key_env},
        }
        trust: dict[str, Any] = {"known_hosts": "known_hosts", "allowed_signers": "allowed_signers"}
        trust |= {"principal": self.principal} if self.principal else {}
        trust |= {"signing_key": {"file": self.signing_key}} if self.signing_key else {}
        settings = {"name": self.name, "uuid": self.uuid, "application": self.application, "trust": trust}
        settings["storage"] = storage | ({"ca_file": "ca.pem"} if self.ca_file else {})
        if self.balancer_backends:
            settings["balancer"] = {"socket": self.balancer_socket, "backends": self.balancer_backends}
        return settings

    def hosts_text(self) -> str:
        """hosts.yml."""
        key = [f"    ansible_ssh_private_key_file: {scalar(self.ssh_key)}"] if self.ssh_key else []
        lines = ["all:", "  vars:", f"    ansible_user: {scalar(self.ssh_user)}", *key, "  children:"]
        for group in self.group_names():
            lines += [f"    {group}:", "      hosts:"]
            lines += [f"        {host.name}: {_facts(host)}" for host in self.hosts if group in host.groups]
        return _HOSTS_HEAD + "\n".join(lines) + "\n"

    def known_hosts_text(self, keys: tuple[PinnedKey, ...]) -> str:
        """known_hosts with the keys of these hosts only."""
        lines = []
        for host in self.hosts:
            name = lookup_name(host.address, host.port)
            lines += [f"# {host.name}", *(key.line(name) for key in keys if key.matches(name))]
        return _KNOWN_HOSTS_HEAD + "\n".join(lines) + "\n"

    def signers_text(self, existing: str, public_key: str) -> str:
        """allowed_signers: the `existing` lines, and the principal's own key when there is one."""
        line = f"{self.principal} {public_key}\n" if public_key and self.principal else ""
        kept = existing if not existing or existing.endswith("\n") else f"{existing}\n"
        return (kept or _SIGNERS_HEAD) + ("" if line and line in kept else line)


def _facts(host: Host) -> str:
    port = {} if host.port == 22 else {"ansible_port": host.port}
    return scalar({"ansible_host": host.address} | port)


def of_home(path: str, home: str) -> str:
    """`path` written with ~ where it is below `home`, so that clm.yml serves other administrators too."""
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path
