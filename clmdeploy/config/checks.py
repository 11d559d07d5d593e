"""Checks across the files of one environment: what each file alone can't show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clmdeploy.config import allowed_signers, known_hosts
from clmdeploy.config.allowed_signers import AllowedSigner
from clmdeploy.config.backup_checks import backup_complaints
from clmdeploy.config.faults import Fault, KeyPath
from clmdeploy.config.files import read_text, under
from clmdeploy.config.known_hosts import PinnedKey
from clmdeploy.config.settings import Environment
from clmdeploy.config.yaml_source import Document
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.hosts import Host
from clmdeploy.model.signing import Namespace

_LIMIT = 1024 * 1024


def settings_faults(settings: Environment, document: Document, hosts: tuple[Host, ...]) -> list[Fault]:
    """Settings that contradict the directory, the files they name, or the inventory (when that could be read)."""
    directory = document.path.parent
    faults = []
    if settings.name != directory.resolve().name:
        faults.append(document.fault(("name",), f"must be the directory's name, {directory.resolve().name!r}"))
    faults += _ca_file_faults(("storage", "ca_file"), settings.storage.ca_file, document)
    if settings.notify and settings.notify.mail:
        faults += _ca_file_faults(("notify", "mail", "ca_file"), settings.notify.mail.ca_file, document)
    if settings.backup:
        faults += _ca_file_faults(("backup", "storage", "ca_file"), settings.backup.storage.ca_file, document)
    faults += [document.fault(key, cause) for key, cause in backup_complaints(settings, hosts)]
    if settings.balancer and hosts:
        groups = {group for host in hosts for group in host.groups}
        if settings.balancer.group not in groups:
            faults.append(document.fault(("balancer", "group"), _no_group(settings.balancer.group, groups)))
        faults += [
            document.fault(("balancer", "backends", group), _no_group(group, groups))
            for group in settings.balancer.backends
            if group not in groups
        ]
    return faults


def pinned_keys(settings: Environment, document: Document) -> tuple[tuple[PinnedKey, ...], list[Fault]]:
    """The pinned host keys, and what is wrong with their file."""
    name, faults = settings.trust.known_hosts, list[Fault]()
    text = _text(document, ("trust", "known_hosts"), name, faults)
    path = under(document.path.parent, name)
    keys, wrong = known_hosts.parse(text)
    return keys, faults + [Fault(path, cause, line=line) for line, cause in wrong]


def host_faults(
    hosts: tuple[Host, ...], keys: tuple[PinnedKey, ...], inventory: Document, known_hosts_path: Path
) -> list[Fault]:
    """Hosts without a pinned key, and two names for one machine."""
    faults = []
    first: dict[str, str] = {}
    for host in hosts:
        name = known_hosts.lookup_name(host.address, host.port)
        if not known_hosts.keys_of(host, keys):
            faults.append(Fault(known_hosts_path, f"no key is pinned for {host.name} ({name})"))
        if first.setdefault(name.lower(), host.name) != host.name:
            faults.append(Fault(inventory.path, f"{first[name.lower()]} and {host.name} have the same address {name}"))
    return faults


def signer_faults(settings: Environment, document: Document) -> list[Fault]:
    """What is wrong with allowed_signers, or with the principal who is to sign here."""
    faults: list[Fault] = []
    text = _text(document, ("trust", "allowed_signers"), settings.trust.allowed_signers, faults)
    if faults:
        return faults
    signers, wrong = allowed_signers.parse(text)
    path = under(document.path.parent, settings.trust.allowed_signers)
    faults = [Fault(path, cause, line=line) for line, cause in wrong]
    principal = settings.trust.principal
    if not signers and not wrong:
        faults.append(Fault(path, "names nobody: no release could ever be trusted"))
    elif principal and not any(principal in signer.principals for signer in signers):
        faults.append(document.fault(("trust", "principal"), f"{principal} is not in {path.name}"))
    if not faults and (most := _most_approvals(signers)) < settings.approvals.required:
        cause = f"nobody could ever deploy: {path.name} lets at most {most} others approve what somebody wants"
        faults.append(document.fault(("approvals", "required"), cause))
    return faults


def _most_approvals(signers: Sequence[AllowedSigner]) -> int:
    """How many approvals the luckiest maker of a plan can get: those by everybody else who may approve."""
    makers, approvers = (
        {signer.principals[0] for signer in signers if signer.may_sign(namespace)}
        for namespace in (Namespace.PLAN, Namespace.APPROVAL)
    )
    return max((len(approvers - {maker}) for maker in makers), default=0)


def _ca_file_faults(key: KeyPath, name: str | None, document: Document) -> list[Fault]:
    faults: list[Fault] = []
    if name and "-----BEGIN CERTIFICATE-----" not in _text(document, key, name, faults) and not faults:
        faults.append(document.fault(key, f"{name} holds no certificate in PEM form"))
    return faults


def _text(document: Document, key: KeyPath, name: str, faults: list[Fault]) -> str:
    """The text of a file that the settings name; empty, and a fault at their `key`, when it can't be read."""
    try:
        return read_text(under(document.path.parent, name), _LIMIT)
    except InvalidInput as error:
        faults.append(document.fault(key, error.message))
        return ""


def _no_group(name: str, groups: set[str]) -> str:
    return f"hosts.yml has no hosts in group {name!r} (it has: {', '.join(sorted(groups)) or 'none'})"
