"""Checks of the section `backup` against the other sections and against the inventory."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.config.backup import Backup
from clmdeploy.config.faults import KeyPath
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host

Complaint = tuple[KeyPath, str]


def backup_complaints(settings: Environment, hosts: tuple[Host, ...]) -> Iterator[Complaint]:
    """Key path and cause of each contradiction; `hosts` is empty where the inventory could not be read."""
    if settings.backup is None:
        return
    yield from _of_storage(settings, settings.backup)
    if hosts:
        yield from _of_groups(settings.backup, hosts)


def _of_storage(settings: Environment, backup: Backup) -> Iterator[Complaint]:
    storage, taken = settings.backup_storage(backup), {settings.storage.state_bucket, settings.storage.release_bucket}
    if storage.endpoint == settings.storage.endpoint and storage.bucket in taken:
        # Who may write there differs: hosts never write state or releases.
        yield ("backup", "storage", "bucket"), "must be a bucket of its own, neither state_bucket nor release_bucket"
    if storage.endpoint and not storage.endpoint.startswith("https://"):
        yield ("backup", "storage", "endpoint"), "must be https: hosts other than this machine reach it"


def _of_groups(backup: Backup, hosts: tuple[Host, ...]) -> Iterator[Complaint]:
    members = [host for host in hosts if backup.group in host.groups]
    if len(members) != 1:
        found = ", ".join(host.name for host in members) or "none"
        yield ("backup", "group"), f"group {backup.group!r} must have exactly one host (hosts.yml has: {found})"
    wanted: list[tuple[KeyPath, str]] = [(("backup", "database", "group"), backup.database.group)]
    wanted += [(("backup", "files", "paths", group), group) for group in backup.files.paths]
    for key, group in wanted:
        if not any(group in host.groups for host in hosts):
            yield key, f"hosts.yml has no hosts in group {group!r}"
    both = [host.name for host in members if backup.database.group in host.groups]
    if both:
        # Its root could read the storage keys, and a lost host would take database and repository keys along.
        yield ("backup", "group"), f"{both[0]} is a database host too: the backup host must be another machine"
