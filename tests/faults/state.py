"""What the whole fleet is like at one moment, as values that can be compared; times and run ids are left out."""

from __future__ import annotations

import csv
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clmdeploy.lab import Lab
from clmdeploy.lab.facts import CONTENT_PORT, WEB_PORT
from clmdeploy.lab.host import LabHost
from clmdeploy.lab.writes import AS_POSTGRES
from tests.faults.on_host import look

PORTS = {"app": WEB_PORT, "worker": CONTENT_PORT}

_ASK_BALANCER = r"""
import socket
with socket.socket(socket.AF_UNIX) as balancer:
    balancer.settimeout(10)
    balancer.connect("/run/haproxy/admin.sock")
    balancer.sendall(b"show stat\n")
    print(balancer.makefile().read())
"""
_SCHEMA = """
SELECT version, dirty FROM schema_history ORDER BY version;
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2;
SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
"""


@dataclass(frozen=True)
class FleetState:
    """`hosts`: as `on_host.look` saw each; `served`: version that a member's service names, or what went wrong."""

    hosts: dict[str, dict[str, Any]]
    served: dict[str, str]
    balancer: dict[str, str]
    schema: str

    @classmethod
    def of(cls, lab: Lab) -> FleetState:
        """Ask every host at once."""
        asked = [host for host in lab.hosts.values() if host.group in ("app", "worker", "lb")]
        members = [host for host in asked if host.group in PORTS]
        with ThreadPoolExecutor() as threads:
            looks, services = threads.map(look, asked), threads.map(served_version, members)
            balancer, schema = threads.submit(rotation, lab), threads.submit(psql, lab, _SCHEMA)
            return cls(
                hosts=dict(zip((host.name for host in asked), looks, strict=True)),
                served=dict(zip((host.name for host in members), services, strict=True)),
                balancer=balancer.result(), schema=schema.result(),
            )  # fmt: skip

    @cached_property
    def lasting(self) -> dict[str, object]:
        """What must be alike after an undo, or after a run that was cut off and resumed: name → value."""
        found: dict[str, object] = {"schema": self.schema}
        for name, host in self.hosts.items():
            found |= {
                f"{name}: current": host["current"], f"{name}: releases": sorted(host["releases"]),
                f"{name}: host.json": _told(host["record"]), f"{name}: links": host["links"],
                f"{name}: units": host["units"],
            }  # fmt: skip
        found |= {f"{name}: serves": version for name, version in self.served.items()}
        return found | {f"{name}: in rotation": status for name, status in self.balancer.items()}

    def differences(self, expected: FleetState) -> list[str]:
        """One line for each thing that is not as expected."""
        names = sorted(self.lasting.keys() | expected.lasting.keys())
        pairs = ((name, self.lasting.get(name), expected.lasting.get(name)) for name in names)
        return [f"{name}: is {found!r}, expected {wanted!r}" for name, found, wanted in pairs if found != wanted]


def _told(record: dict[str, Any] | None) -> dict[str, Any]:
    """An empty entry says as much as none."""
    return {key: value for key, value in (record or {}).items() if value}


def served_version(host: LabHost) -> str:
    """What the host's service answers over the network when it is asked for its version."""
    url = f"http://{host.address}:{PORTS[host.group]}/version"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # an address of the lab
            return str(json.load(answer)["version"])
    except (OSError, ValueError, KeyError) as error:
        return f"no version: {error}"


def psql(lab: Lab, query: str) -> str:
    """What the database itself answers."""
    quiet = ("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", "clm", "-f", "-")
    return lab.host("db1").run((*AS_POSTGRES, *quiet), input=query).stdout.strip()


def rotation(lab: Lab) -> dict[str, str]:
    """BACKEND/SERVER → status, by the balancer's own socket."""
    text = lab.host("lb1").run(("python3", "-c", _ASK_BALANCER)).stdout
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return {f"{row['pxname']}/{row['svname']}": row["status"] for row in rows if row["svname"] in lab.hosts}
