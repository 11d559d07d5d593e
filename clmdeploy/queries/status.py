"""What runs where, and what is still open: hosts, balancers, journal and lease in one value. Host truth wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Literal

from clmdeploy.changes.lease import Leases
from clmdeploy.changes.lease_document import HOST_SETUP, LeaseDocument
from clmdeploy.changes.ports import Performer
from clmdeploy.changes.scopes import SCOPES
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, joined, russian
from clmdeploy.model.errors import ClmError
from clmdeploy.model.facts import FleetFacts, HostFacts, SchemaState
from clmdeploy.model.value import JsonValue, Text, Value
from clmdeploy.queries.chains import Journals, journal_with
from clmdeploy.queries.changes import ChangeSummary, last_change, settling_verb
from clmdeploy.queries.fleet import gather_fleet
from clmdeploy.queries.wishes import release_groups

PATIENCE = 10.0  # seconds
Health = Literal["healthy", "unhealthy", "unknown"]


class ServerStatus(Value):
    """One host as one balancer sees it."""

    balancer: str
    backend: str
    state: str
    check: str


class HostStatus(Value):
    """One host that gets releases."""

    name: str
    groups: tuple[str, ...]
    reachable: bool
    message: Text = ""
    release: str | None = None
    """directory of the release that `current` points to, VERSION-DIGEST8"""
    version: str | None = None
    servers: tuple[ServerStatus, ...] = ()
    health: Health = "unknown"
    services: tuple[dict[str, JsonValue], ...] = ()
    """with a probe: component, units, the version that answers, healthy"""
    stopped: dict[str, str] = {}
    """component → the change that keeps it stopped on purpose: no part of `health`"""


class FleetStatus(Value):
    """What the hosts say now."""

    hosts: tuple[HostStatus, ...]
    balancers: tuple[HostStatus, ...] = ()
    drained: dict[str, str] = {}
    """BALANCER:BACKEND/SERVER → the change of this tool that took it out"""
    schema_state: SchemaState | None = None
    schema_fault: Text = ""

    @property
    def runs(self) -> dict[str, list[str]]:
        """Release directory → hosts; hosts without a release stand under an empty name. Silent hosts are left out."""
        found: dict[str, list[str]] = {}
        for host in self.hosts:
            if host.reachable:
                found.setdefault(host.release or "", []).append(host.name)
        return dict(sorted(found.items()))

    @property
    def silent(self) -> tuple[str, ...]:
        """Hosts that did not answer, balancers among them."""
        return tuple(host.name for host in (*self.hosts, *self.balancers) if not host.reachable)

    @property
    def keeps_stopped(self) -> bool:
        """Whether a restore has left something stopped on purpose."""
        return any(host.stopped for host in self.hosts)

    @property
    def unhealthy(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts if host.health == "unhealthy")


class RecordStatus(Value):
    """What the state bucket says; `fault` when it can't be asked or believed, and then nothing else is known."""

    fault: Text = ""
    last_change: ChangeSummary | None = None
    """of the fleet"""
    last_data_change: ChangeSummary | None = None
    owed: dict[str, str] = {}
    """host → the change that owes it an undo"""
    lease: LeaseDocument | None = None
    data_lease: LeaseDocument | None = None
    lost: bool = False
    """the fleet lease is held, but its holder has been silent for long"""
    data_lost: bool = False
    """the same of the data lease"""
    verb: Literal["resume", "abort"] = "abort"
    """what to advise where something is open"""
    unshipped: tuple[str, ...] = ()
    """changes made from here without the storage, whose journal it does not have yet"""
    cut_off: str = ""
    """the one of these that was not finished"""

    @property
    def held(self) -> bool:
        return self.lease is not None and self.lease.held

    @property
    def open_changes(self) -> list[str]:
        """Changes that need resume or abort, or that are under way."""
        newest = (self.last_change, self.last_data_change)
        return sorted({*self.owed.values(), *(one.id for one in newest if one and one.needs_somebody)})

    @property
    def working_on_data(self) -> str:
        """The change whose holder of the data lease is alive, as far as one can see; empty when there is none."""
        lease = self.data_lease
        return lease.change if lease is not None and lease.held and not self.data_lost else ""


def fleet_status(performer: Performer, environment: LoadedEnvironment, *, probe: bool) -> FleetStatus:
    """Ask every host that gets releases, and the balancers. A silent host is named, never an error."""
    balancer = environment.settings.balancer
    groups = release_groups(environment, None) | ({balancer.group} if balancer else set())
    return describe_fleet(
        gather_fleet(performer, environment, groups, probe=probe), balancer.group if balancer else None
    )


def describe_fleet(fleet: FleetFacts, balancers: str | None) -> FleetStatus:
    """Facts in the words of a status. `balancers`: the group of the balancers."""
    apart = [facts for facts in fleet.hosts if balancers in facts.host.groups]
    return FleetStatus(
        hosts=tuple(_host(facts, fleet) for facts in fleet.hosts if facts not in apart),
        balancers=tuple(_host(facts, fleet) for facts in apart),
        drained={f"{facts.host.name}:{server}": change for facts in apart for server, change in facts.drained.items()},
        schema_state=fleet.schema_state,
        schema_fault=next((facts.schema_fault for facts in fleet.hosts if facts.schema_fault), ""),
    )


def record_status(reach: Callable[[], tuple[Journals, Leases]], patience: float = PATIENCE) -> RecordStatus:
    """Ask journal and leases, for `patience` seconds at most.

    Storage that is silent, slow, closed or not to be believed gives a `fault`, never an error: at night the hosts must
    be seen though the storage is down.
    """
    answers: SimpleQueue[RecordStatus] = SimpleQueue()
    # A daemon: the storage's own retries may take far longer than anybody waits here.
    Thread(target=lambda: answers.put(_record(reach)), name="record", daemon=True).start()
    try:
        return answers.get(timeout=patience)
    except Empty:
        seconds = f"{patience:.0f}"
        fault = Bilingual(f"the storage gave no answer within {seconds} s", f"хранилище не ответило за {seconds} с")
        return RecordStatus(fault=fault)


def _record(reach: Callable[[], tuple[Journals, Leases]]) -> RecordStatus:
    try:
        journals, leases = reach()
        lease, data = (standing[0] if standing else None for standing in map(leases.read, SCOPES))
        last, *others = (last_change(one) for one in journals)
        owed = {host: change for one in journals for host, change in one.owed().items()}
        now, newest = leases.clock.now(), next((one for one in (last, *others) if one and one.needs_somebody), None)
        return RecordStatus(
            last_change=last, last_data_change=next(iter(others), None), owed=owed, lease=lease, data_lease=data,
            lost=lease is not None and lease.seems_lost(now), data_lost=data is not None and data.seems_lost(now),
            verb=settling_verb(journal_with(journals, newest.id), newest) if newest else "abort",
        )  # fmt: skip
    except ClmError as error:
        return RecordStatus(fault=error.message)
    except Exception as error:  # noqa: BLE001  # whatever it is: nobody is to wait for an answer that never comes
        return RecordStatus(fault=f"{type(error).__name__}: {str(error).partition(chr(10))[0][:500]}")


def next_command(environment: str, record: RecordStatus, *, stopped: bool = False) -> str | None:
    """What to type, without the program's name: to see who is at work, to settle what is open, or to start what a
    restore has left `stopped`.
    """
    if record.lease is not None and record.held:
        if not record.lost or not record.lease.change:
            return f"lease show -e {environment}"
        if record.lease.change == HOST_SETUP:
            return f"host setup -e {environment}"
    if record.cut_off and record.fault:
        return f"change resume {record.cut_off} -e {environment} --offline"
    if record.unshipped and not record.fault:
        return f"journal ship -e {environment}"
    waiting = [one for one in record.open_changes if one != record.working_on_data]
    if not waiting:
        return f"restore --start-workers -e {environment}" if stopped else None
    newest = [one.id for one in (record.last_change, record.last_data_change) if one]
    alone = len(waiting) == 1
    which = "" if len(record.open_changes) == 1 else f" {waiting[0]}"
    return f"change {record.verb if alone and waiting[0] in newest else 'abort'}{which} -e {environment}"


def _host(facts: HostFacts, fleet: FleetFacts) -> HostStatus:
    name = facts.host.name
    servers = [one for one in fleet.servers if one.server == name]
    return HostStatus(
        name=name, groups=facts.host.groups, reachable=facts.reachable, message=facts.message, release=facts.current,
        version=facts.version, services=facts.services, health=_health(facts), stopped=facts.stopped,
        servers=tuple(
            ServerStatus(balancer=one.balancer, backend=one.backend, state=one.state, check=one.status)
            for one in servers
        ),
    )  # fmt: skip


def _health(facts: HostFacts) -> Health:
    if not facts.services:
        return "unknown"
    meant = [service for service in facts.services if service["component"] not in facts.stopped]
    return "healthy" if all(_well(service, facts.version) for service in meant) else "unhealthy"


def _well(service: Mapping[str, JsonValue], version: str | None) -> bool:
    """Answers well, every unit is active, and what answers is what should run."""
    units = all(state == "active" for state in service["units"].values())
    return bool(service["healthy"]) and units and service["version"] in (None, version)


def faults_of_services(host: HostStatus) -> Iterator[str]:
    """What is wrong with each service of a probed host, in words."""
    for service in host.services:
        if service["component"] not in host.stopped and not _well(service, host.version):
            units = ", ".join(f"{unit} {state}" for unit, state in service["units"].items() if state != "active")
            answers = service["version"]
            other = Bilingual(f"version {answers} answers", f"отвечает версия {answers}")
            wrong = [word for word in (units, other if answers not in (None, host.version) else "") if word]
            component, words = service["component"], joined(", ", wrong) or _UNHEALTHY
            yield Bilingual(f"{component}: {words}", f"{component}: {russian(words)}")


_UNHEALTHY = Bilingual("its health check fails", "проверка здоровья не проходит")
