"""Hosts that releases are installed on, seen by ways that are not the tool's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from clmdeploy.lab import Lab
from clmdeploy.lab.demo import fleet as look
from clmdeploy.lab.writes import AS_POSTGRES
from tests.lab.command_line import CommandLine

SUBSCRIBERS = 2000
MEMBERS = ("app1", "app2", "app3", "worker1")
NO_RESTORE_POINT = ("--no-restore-point", "a test")
AT_ONCE = ("--strategy", "all-at-once", "--soak", "0")

_TRACES = r"""
find /opt/clm /var/lib/clmdeploy /etc/systemd/system -printf '%p %y %i %m %u %s %T@ %C@ %l\n' | sort
systemctl show clm-web clm-worker -p Id,InvocationID,ActiveEnterTimestampMonotonic
"""

_FOOTPRINT = r"""
find /opt/clm /etc/systemd/system ! -type d -printf '%p %y %i %m %u %s %T@ %l\n' | sort
find /opt/clm -type d -printf '%p %m %u\n' | sort
systemctl show clm-web clm-worker -p Id,InvocationID,ActiveEnterTimestampMonotonic
find / -xdev -name 'clm-evil*'
"""


@dataclass(frozen=True)
class Fleet:
    """Prepared hosts with the sample's releases published, and ways to look at them that are not the tool's own."""

    lab: Lab
    clmdeploy: CommandLine

    @property
    def releases(self) -> dict[str, str]:
        """Host → version that `current` points to."""
        return look.releases(self.lab)

    def before(self) -> str:
        """The version that ran on app1 before the one that runs now, by the host's own record."""
        record = json.loads(self.lab.host("app1").run(("cat", "/var/lib/clmdeploy/host.json")).stdout)
        return str(record["ledger"][-1]).rpartition("-")[0]

    def releases_of(self, *hosts: str) -> dict[str, str]:
        """The same of some hosts only."""
        return look.releases(self.lab, *hosts)

    @property
    def drained(self) -> dict[str, str]:
        """Servers that are out of rotation, with the balancer's word for it."""
        return look.out_of_rotation(self.lab)

    def bring_to(self, version: str) -> None:
        """Let every host run `version`, the quick way; nothing is done where that is so."""
        found = set(self.releases.values())
        if found == {version}:
            return
        newer = any(_order(one) > _order(version) for one in found - {"none"})
        words = ("rollback", "--to", version) if newer else ("deploy", version, *NO_RESTORE_POINT)
        self.clmdeploy("change", "abort", "-e", "lab")  # of a test that failed half-way; mostly there is none
        self.clmdeploy(*words, "-e", "lab", "--yes", *AT_ONCE).expecting(0)
        assert set(self.releases.values()) == {version}

    def schema(self) -> str:
        """The migrations that were begun and whether they are half-done, as the database has them."""
        return self.psql("SELECT version, dirty FROM schema_history ORDER BY version")

    def columns(self, table: str) -> set[str]:
        """Columns of a table, as the database has them."""
        query = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608
        return set(self.psql(query).split())

    def psql(self, query: str) -> str:
        """What the database itself answers."""
        quiet = ("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", "clm", "-f", "-")
        return self.lab.host("db1").run((*AS_POSTGRES, *quiet), input=query + ";\n").stdout.strip()

    def changes(self) -> list[str]:
        """IDs of all changes, from the state bucket itself."""
        pages = self.lab.storage.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.lab.storage.state_bucket, Prefix="lab/changes/")
        return sorted({item["Key"].split("/")[2] for page in found for item in page.get("Contents", ())})

    def lease(self) -> dict[str, Any]:
        """The fleet's lease as stored."""
        stored = self.lab.storage.client().get_object(Bucket=self.lab.storage.state_bucket, Key="lab/lease/fleet")
        lease: dict[str, Any] = json.loads(stored["Body"].read())
        return lease

    def traces(self) -> dict[str, str]:
        """Host → everything by which work on it shows: files with their times, and the runs of its services."""
        with ThreadPoolExecutor() as threads:
            return dict(zip(MEMBERS, threads.map(lambda host: self._shell(host, _TRACES), MEMBERS), strict=True))

    def _shell(self, host: str, script: str) -> str:
        return self.lab.host(host).run(("sh", "-c", script)).stdout

    def footprint(self) -> dict[str, str]:
        """Host → releases, links, services, and whatever bears the name that hostile releases try to leave."""
        with ThreadPoolExecutor() as threads:
            return dict(zip(MEMBERS, threads.map(lambda host: self._shell(host, _FOOTPRINT), MEMBERS), strict=True))

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever happens in the block must leave no trace on any host, in the database, balancer or journal."""
        before = (self.traces(), self.schema(), self.changes())
        yield
        after = (self.traces(), self.schema(), self.changes())
        assert after == before
        assert not self.drained


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
