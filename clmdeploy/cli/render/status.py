"""The status of an environment: a table of its hosts, then what is open and what to type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from clmdeploy.changes.lease_document import LeaseDocument
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.changes import summary_json, who_words
from clmdeploy.cli.render.console import STYLES, make_console, make_table, moment
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.leases import lease_json
from clmdeploy.cli.render.notices import delivery_json
from clmdeploy.cli.render.safety import safety_json, safety_lines
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.courier import Delivery
from clmdeploy.queries.safety import Safety
from clmdeploy.queries.status import FleetStatus, HostStatus, RecordStatus, faults_of_services, next_command

_HEALTH = {"healthy": "green", "unhealthy": "bold red", "unknown": "dim"}


def show_status(
    invocation: Invocation,
    settings: Environment,
    fleet: FleetStatus,
    record: RecordStatus,
    safety: Safety | None = None,
) -> None:
    """The hosts first: they are the truth. Then schema, newest change, lease, backups, and what is open."""
    console = make_console()
    table = make_table(invocation, "host", "group", "release", "balancer", "health")
    for host in (*fleet.hosts, *fleet.balancers):
        table.add_row(*_cells(invocation, host, is_balancer=host in fleet.balancers))
    for column in (table.columns[0], table.columns[2]):
        column.no_wrap = True
    console.print(table)
    console.print()
    for key, words, style in _lines(invocation, settings.time_zone, fleet, record):
        console.print(f"{invocation.say(f'status.{key}'):<10} {words}", style=style, soft_wrap=True)
    for key, words, style in safety_lines(invocation, settings, safety) if safety else ():
        console.print(f"{invocation.say(f'status.{key}'):<10} {words}", style=style, soft_wrap=True)
    following = next_command(settings.name, record, stopped=fleet.keeps_stopped)
    if following:
        console.print(invocation.say("ending.next", command=command(invocation, following)), soft_wrap=True)


def status_json(
    invocation: Invocation,
    environment: str,
    fleet: FleetStatus,
    record: RecordStatus,
    safety: Safety | None = None,
    told: Sequence[Delivery] | None = None,
) -> dict[str, JsonValue]:
    """As documented in docs/json.md. `told`: what became of notices; None when none were asked for."""
    following = next_command(environment, record, stopped=fleet.keeps_stopped)
    return {
        "format": "status/1", "environment": environment, **fleet.model_dump(mode="json"), "runs": fleet.runs,
        "journal": {"known": not record.fault, "fault": record.fault},
        "last_change": summary_json(record.last_change) if record.last_change else None,
        "last_data_change": summary_json(record.last_data_change) if record.last_data_change else None,
        "open_changes": record.open_changes, "owed": record.owed, "lease": lease_json(record.lease),
        "data_lease": lease_json(record.data_lease),
        "unshipped": list(record.unshipped), **safety_json(safety),
        "next": command(invocation, following) if following else None,
        "notified": None if told is None else [delivery_json(one) for one in told],
    }  # fmt: skip


def _cells(invocation: Invocation, host: HostStatus, *, is_balancer: bool) -> list[str | Text]:
    groups = ", ".join(host.groups)
    if not host.reachable:
        return [host.name, groups, Text(invocation.say("status.no_answer"), style="bold red"), "", ""]
    release = host.release if invocation.verbose else host.version
    servers = ", ".join(dict.fromkeys(f"{one.state} ({one.check})" for one in host.servers))
    health = Text(invocation.say(f"health.{host.health}"), style=_HEALTH[host.health])
    for fault in faults_of_services(host):
        health.append(f"\n{printable(invocation.told(fault))}")
    if is_balancer:
        return [host.name, groups, "", "", ""]
    return [host.name, groups, release or invocation.say("plan.nothing"), servers, health]


def _lines(
    invocation: Invocation, zone: str, fleet: FleetStatus, record: RecordStatus
) -> Iterator[tuple[str, str, str]]:
    """Key of the catalogue, words, style."""
    for host in (*fleet.hosts, *fleet.balancers):
        if not host.reachable:
            yield "silent", printable(invocation.told(host.message)), "bold red"
        elif host.message:
            yield "broken", printable(f"{host.name}: {invocation.told(host.message)}"), "bold red"
    if fleet.schema_state is not None:
        dirty = f" ({invocation.say('status.dirty')})" if fleet.schema_state.dirty else ""
        yield "schema", f"{fleet.schema_state.version}{dirty}", "bold red" if dirty else ""
    elif fleet.schema_fault:
        yield "schema", printable(invocation.told(fleet.schema_fault)), "bold red"
    for server, change in fleet.drained.items():
        yield "drained", f"{server} ({change})", "bold yellow"
    for host in fleet.hosts:
        for component, change in host.stopped.items():
            yield (
                "stopped",
                invocation.say("status.on_purpose", what=f"{host.name}: {component}", change=change),
                "bold yellow",
            )
    for change in record.unshipped:
        words = "offline.open" if change == record.cut_off else "offline.waiting"
        yield "journal", invocation.say(words, change=change), "bold yellow"
    if record.fault:
        yield "journal", printable(invocation.say("status.journal_unknown", why=record.fault)), "bold yellow"
        return
    yield from _record_lines(invocation, zone, record)


def _record_lines(invocation: Invocation, zone: str, record: RecordStatus) -> Iterator[tuple[str, str, str]]:
    lease = record.lease
    for last in (record.last_change, record.last_data_change):
        if last is None:
            continue
        state = invocation.say(f"state.{last.state}")
        yield (
            "change",
            f"{last.id}: {printable(last.title)}: {state}, {moment(last.last_event, zone)}",
            STYLES.get(last.state, ""),
        )
    for host, change in record.owed.items():
        yield "owed", f"{host} ({change})", STYLES["owed"]
    if lease is not None and record.held:
        silent = f"; {invocation.say('lease.silent', since=moment(lease.renewed, zone))}" if record.lost else ""
        yield "lease", _holder(lease, zone) + silent, "bold yellow"
    else:
        yield "lease", invocation.say("lease.free"), ""
    if record.data_lease is not None and record.data_lease.held:
        yield "data_lease", _holder(record.data_lease, zone), "bold yellow"


def _holder(lease: LeaseDocument, zone: str) -> str:
    return f"{who_words(lease.who)}, {moment(lease.since, zone)}: {printable(lease.reason or lease.change)}"
