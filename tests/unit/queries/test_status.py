"""The status of an environment, from facts."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from clmdeploy.changes.events import Who
from clmdeploy.changes.lease_document import HOST_SETUP, LeaseDocument
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.facts import FleetFacts, HostFacts
from clmdeploy.model.hosts import Host
from clmdeploy.queries.changes import ChangeSummary
from clmdeploy.queries.status import (
    FleetStatus,
    RecordStatus,
    describe_fleet,
    faults_of_services,
    next_command,
    record_status,
)
from tests.unit.planners.conftest import fleet, host, release

RELEASE = release("1.0.0")
WELL: dict[str, Any] = {"component": "web", "units": {"web.service": "active"}, "version": "1.0.0", "healthy": True}
WHO = Who(principal="ivanova", user="i", host="control")


def change(**fields: Any) -> ChangeSummary:
    known = {"id": "c1", "kind": "deploy", "title": "t", "reason": "", "who": WHO, "state": "done"}
    return ChangeSummary(
        **(known | {"opened": "2026-01-01T00:00:00+00:00", "last_event": "2026-01-01T00:00:09+00:00"} | fields)
    )


LEASE = LeaseDocument(
    scope="fleet", token=3, held=True, who=WHO, change="c1", since="2026-01-01T00:00:00+00:00", time_to_live=30,
    renewed="2026-01-01T00:10:00+00:00", nonce="n",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "seconds", "lost"),
    [
        ({}, 59, False), ({}, 61, True), ({"manual": True}, 9999, False), ({"held": False}, 9999, False),
        ({"renewed": ""}, 9999, False), ({}, -9999, False),
    ],
)  # fmt: skip
def test_a_holder_that_is_silent_for_long_seems_lost(changes: dict[str, Any], seconds: int, lost: bool) -> None:
    """Enough to advise people; nobody who holds by hand, and no lease of an older version, which tells no time."""
    lease = LEASE.model_copy(update=changes)
    assert lease.seems_lost(datetime.fromisoformat(LEASE.renewed) + timedelta(seconds=seconds)) is lost


def status_of(**service: Any) -> FleetStatus:
    return describe_fleet(FleetFacts(hosts=(host("app1", "app", RELEASE, services=(WELL | service,)),)), "lb")


@pytest.mark.parametrize(
    ("service", "health", "fault"),
    [
        ({}, "healthy", []),
        ({"version": None}, "healthy", []),
        ({"healthy": False}, "unhealthy", ["web: its health check fails"]),
        ({"version": "0.9.0"}, "unhealthy", ["web: version 0.9.0 answers"]),
        ({"units": {"web.service": "failed"}}, "unhealthy", ["web: web.service failed"]),
    ],
)  # fmt: skip
def test_a_service_is_well_when_all_of_it_is(service: dict[str, Any], health: str, fault: list[str]) -> None:
    """Its checks, its units, and the version that answers: what `current` names is not proof of what runs."""
    (found,) = status_of(**service).hosts
    assert (found.health, list(faults_of_services(found))) == (health, fault)


def test_balancers_stand_apart_with_what_they_hold_drained() -> None:
    """A server that this tool took out is told with the change that did."""
    lb1 = HostFacts(
        host=Host(name="lb1", address="192.0.2.2", groups=("lb",)), reachable=True, drained={"clm_web/app1": "c7"}
    )
    found = describe_fleet(FleetFacts(hosts=(*fleet(RELEASE).hosts[:-1], lb1)), "lb")
    assert ([one.name for one in found.balancers], found.drained) == (["lb1"], {"lb1:clm_web/app1": "c7"})
    assert "lb1" not in {name for names in found.runs.values() for name in names}


def test_hosts_that_differ_are_told_apart() -> None:
    """Release by release, hosts without one under an empty name, silent ones left out and named."""
    hosts = (host("app1", "app", RELEASE), host("app2", "app"), host("app3", "app", RELEASE, reachable=False))
    found = describe_fleet(FleetFacts(hosts=hosts), None)
    assert found.runs == {"": ["app2"], RELEASE.directory: ["app1"]}
    assert found.silent == ("app3",)


BACKUP = LEASE.model_copy(update={"scope": "data", "change": "b1"})


@pytest.mark.parametrize(
    ("record", "following"),
    [
        ({}, None),
        ({"last_change": change()}, None),
        ({"last_change": change(state="paused"), "verb": "resume"}, "change resume -e test"),
        ({"last_change": change(state="stopped"), "verb": "abort"}, "change abort -e test"),
        ({"last_change": change(), "owed": {"app1": "c0"}}, "change abort -e test"),
        ({"last_change": change(state="open"), "verb": "resume", "lease": LEASE}, "lease show -e test"),
        (
            {"last_change": change(state="open"), "verb": "resume", "lease": LEASE, "lost": True},
            "change resume -e test",
        ),
        ({"lease": LEASE.model_copy(update={"change": HOST_SETUP}), "lost": True}, "host setup -e test"),
        ({"lease": LEASE.model_copy(update={"change": ""}), "lost": True}, "lease show -e test"),
        ({"fault": "storage does not answer"}, None),
        ({"fault": "storage does not answer", "unshipped": ("c1",)}, None),
        (
            {"fault": "storage does not answer", "unshipped": ("c1", "c2"), "cut_off": "c2"},
            "change resume c2 -e test --offline",
        ),
        ({"unshipped": ("c1",), "cut_off": "c1"}, "journal ship -e test"),
        ({"last_data_change": change(id="b1", state="open"), "data_lease": BACKUP}, None),
        (
            {"last_data_change": change(id="b1", state="open"), "data_lease": BACKUP, "data_lost": True},
            "change abort -e test",
        ),
        (
            {
                "last_change": change(state="paused"),
                "last_data_change": change(id="b1", state="open"),
                "verb": "resume",
                "data_lease": BACKUP,
            },
            "change resume c1 -e test",
        ),
    ],
)
def test_status_names_the_command_to_type(record: dict[str, Any], following: str | None) -> None:
    """Where something is open; where nothing is known, nothing is advised."""
    assert next_command("test", RecordStatus(**record)) == following


def test_storage_that_cant_be_asked_is_a_fault_of_the_record_only() -> None:
    """Whatever keeps the state bucket from answering, missing keys included."""

    def reach() -> Any:
        raise InvalidInput("storage.access_key: $CLM_S3_ACCESS_KEY is not set")

    assert record_status(reach) == RecordStatus(fault="storage.access_key: $CLM_S3_ACCESS_KEY is not set")


def test_what_nobody_foresaw_is_a_fault_of_the_record_too(capsys: pytest.CaptureFixture[str]) -> None:
    """At once, and without a traceback: the hosts must be seen."""

    def reach() -> Any:
        raise KeyError("kind")

    assert record_status(reach, patience=30) == RecordStatus(fault="KeyError: 'kind'")
    assert capsys.readouterr().err == ""


def test_storage_that_takes_too_long_is_not_waited_for() -> None:
    """Nobody waits for the storage's own retries before they see the hosts."""
    given_up = threading.Event()

    def reach() -> Any:
        given_up.wait(30)
        raise InvalidInput("too late")

    begun = time.monotonic()
    assert "no answer" in record_status(reach, patience=0.1).fault
    assert time.monotonic() - begun < 5
    given_up.set()
