"""Which files a host's disk gets, and what must be true before its services count as ready."""

from __future__ import annotations

from collections.abc import Callable

from clmdeploy.lab import application, base, haproxy, postgres, store
from clmdeploy.lab.disk import DiskEntry
from clmdeploy.lab.facts import LabFacts
from clmdeploy.lab.spec import HostSpec
from clmdeploy.lab.ssh import Ssh


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    """Everything that a new disk of this host has beyond the image."""
    return (*base.entries(facts, host), *_own_entries(facts, host))


def _own_entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    match host.group:
        case "lb":
            return haproxy.entries(facts)
        case "db":
            return postgres.entries(facts, host)
        case "store":
            return store.entries(facts, host)
        case "app" | "worker":
            return application.entries(facts, host)
        case _:
            return ()


def await_services(facts: LabFacts, host: HostSpec, ssh: Ssh, alive: Callable[[], bool]) -> None:
    """Return once the host's own services answer. Raises LabError or HostUnreachable when they don't."""
    match host.group:
        case "lb":
            haproxy.ready(ssh)
        case "db":
            postgres.ready(facts, host, ssh)
        case "store":
            store.ready(facts, alive)
