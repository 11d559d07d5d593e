"""Who takes part in backups: the backup host, the database hosts, the hosts with files."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.config.backup import Backup
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError
from clmdeploy.model.hosts import Host


@dataclass(frozen=True)
class Parties:
    """The hosts of one environment's backups, each group in the inventory's order."""

    backup: Host
    database: tuple[Host, ...]
    files: tuple[Host, ...]
    """all that can have a release, those of `backup.files.paths`, and database hosts that are dumped"""

    @property
    def all(self) -> tuple[Host, ...]:
        """The backup host first; each once."""
        named = {host.name: host for host in (self.backup, *self.database, *self.files)}
        return tuple(named.values())


def parties(environment: LoadedEnvironment) -> Parties:
    """Raises UsageError where clm.yml describes no backups."""
    backup = backup_of(environment)
    (host,) = environment.group(backup.group)  # config.backup_checks has refused all else
    return Parties(
        backup=host,
        database=environment.group(backup.database.group),
        files=tuple(one for one in environment.hosts if one != host and _has_files(environment, backup, one)),
    )


def backup_of(environment: LoadedEnvironment) -> Backup:
    """The section `backup`. Raises UsageError where there is none."""
    if environment.settings.backup is None:
        path = environment.directory / "clm.yml"
        raise UsageError(
            Bilingual(f"{path}: no section `backup`", f"{path}: нет раздела `backup`"),
            Bilingual(
                "describe where restore points are stored: `clmdeploy config example` shows how (docs/backups.md)",
                "опишите, где хранятся точки восстановления: пример даёт `clmdeploy config example` (docs/backups.md)",
            ),
        )
    return environment.settings.backup


def _has_files(environment: LoadedEnvironment, backup: Backup, host: Host) -> bool:
    balancer = environment.settings.balancer.group if environment.settings.balancer else "lb"
    others = {balancer, "store", backup.group, backup.database.group}
    if backup.database.engine == "pgdump" and backup.database.group in host.groups:
        return True  # dumps go through the gateway too
    return bool(set(host.groups) - others or set(host.groups) & set(backup.files.paths))
