"""What must be true after every case, whatever was done to it; all of it seen from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.faults.bucket import StateBucket
from tests.faults.journal_check import journal_faults
from tests.faults.state import FleetState


def fleet_faults(state: FleetState) -> Iterator[str]:
    """Every member runs exactly one complete release; `current` never dangled; nothing is drained or left running."""
    for name, host in state.hosts.items():
        yield from (f"{name}: act {act} still runs, or left its directory" for act in host["acts"])
        if name in state.served:
            yield from (f"{name}: current at {moment}" for moment in host["dangled"])
            yield from (f"{name}: {release} is {fault}" for release, fault in host["releases"].items() if fault)
            yield from _service_faults(name, host, state.served[name])
        elif host["record"] and host["record"].get("drained"):
            yield f"{name}: its record still holds {host['record']['drained']} drained"
    yield from (f"{server} is {status} in haproxy" for server, status in state.balancer.items() if status != "UP")


def _service_faults(name: str, host: dict[str, object], served: str) -> Iterator[str]:
    releases, current, units = host["releases"], str(host["current"]), host["units"]
    assert isinstance(releases, dict)
    assert isinstance(units, dict)
    if current not in releases:
        yield f"{name}: current names {current}, which is not there"
    if current.rpartition("-")[0] != served:
        yield f"{name}: current names {current}, but its service answers {served}"
    if list(units.values()) != [["active", "running"]]:
        yield f"{name}: its services are {units}"


def bucket_faults(bucket: StateBucket, inventories: Path) -> Iterator[str]:
    """The leases are free, and the journal verifies."""
    objects = bucket.objects()
    for key in ("lease/fleet", "lease/data"):  # beside them lies who was asked to stop
        if key in objects:
            yield from _lease_faults(key, objects[key])
    journal = {key: body for key, body in objects.items() if key.startswith(("changes/", "journal/"))}
    yield from journal_faults(journal, inventories / "lab" / "allowed_signers", "admin@lab")


def _lease_faults(key: str, body: bytes) -> Iterator[str]:
    try:
        lease = json.loads(body)
        held, who = lease["held"], lease["who"]
    except (ValueError, KeyError, TypeError):
        yield f"{key} is no lease: {body[:80]!r}"
    else:
        if held:
            yield f"{key} is held by {who}"
