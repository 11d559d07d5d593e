"""What a lab consists of, as asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.model.errors import UsageError

MAX_APPS = 20
MAX_WORKERS = 9
MAX_BARE = 20
MAX_DATABASES = 3

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class HostSpec:
    """One host: its name, the inventory group that it belongs to, and the last octet of its address."""

    name: str
    group: str
    octet: int


@dataclass(frozen=True)
class LabSpec:
    """The hosts of a lab. `apps`, `workers` and `bare` hosts carry nothing but the base image and sshd; `backup` has
    rclone beside it. The first of the `databases` is the primary, the others are its streaming standbys.

    Raises UsageError when the name can't be a directory or a number is out of range.
    """

    name: str = "lab"
    apps: int = 3
    workers: int = 1
    balancer: bool = True
    databases: int = 2
    store: bool = True
    backup: bool = True
    bare: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} can't name a lab: expected a lower-case letter, then up to 30 letters, digits or '-'",
                "choose another --name",
            )
        limits = {"apps": MAX_APPS, "workers": MAX_WORKERS, "bare": MAX_BARE, "databases": MAX_DATABASES}
        for field, limit in limits.items():
            if not 0 <= getattr(self, field) <= limit:
                raise UsageError(f"a lab has 0 to {limit} {field}, not {getattr(self, field)}")
        if not self.hosts:
            raise UsageError("a lab needs at least one host")

    @property
    def hosts(self) -> tuple[HostSpec, ...]:
        """Every host in the order of the inventory. Octet 1 is the bridge itself."""
        return (
            *_numbered("lb", 10, int(self.balancer)),
            *_numbered("store", 20, int(self.store)),
            *_numbered("db", 30, self.databases),
            *_numbered("worker", 40, self.workers),
            *_numbered("backup", 50, int(self.backup)),
            *_numbered("app", 100, self.apps),
            *_numbered("bare", 150, self.bare),
        )

    def group(self, name: str) -> tuple[HostSpec, ...]:
        """The hosts of one group, maybe none."""
        return tuple(host for host in self.hosts if host.group == name)


def _numbered(group: str, first_octet: int, count: int) -> tuple[HostSpec, ...]:
    return tuple(HostSpec(f"{group}{n}", group, first_octet + n - 1) for n in range(1, count + 1))
