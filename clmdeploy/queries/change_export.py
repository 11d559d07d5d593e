"""Gathers what the third support line needs of one change: plan, events, leases, settings, hosts, logs, versions.

What can't be had is named and left out; everything passes the redactor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.checks import HostLook
from clmdeploy.model.hosts import Host
from clmdeploy.model.redaction import redact_json, redact_log
from clmdeploy.model.value import JsonValue, sha256_hex
from clmdeploy.queries.change_archive import Gap, Member
from clmdeploy.queries.change_record import ChangeRecord
from clmdeploy.queries.doctor import Inspector
from clmdeploy.queries.fleet import gather_fleet
from clmdeploy.queries.hosts import question

LINES = 5000
"""of each host's log, the newest"""
MARGIN = timedelta(minutes=5)
"""around the change: clocks differ"""
LIMIT = 60
Redact = Callable[[str], str]


@dataclass(frozen=True)
class Sources:
    """Where an export looks, beside the journal."""

    environment: LoadedEnvironment
    performer: Performer
    inspector: Inspector
    versions: Mapping[str, JsonValue]
    """of this program and of what it stands on"""
    redact: Redact


@dataclass(frozen=True)
class ChangeExport:
    """What was gathered, ready to be written."""

    record: ChangeRecord
    members: tuple[Member, ...]
    gaps: tuple[Gap, ...]
    ended: datetime | None
    """time of the change's last event that can be read"""


def gather_export(record: ChangeRecord, sources: Sources) -> ChangeExport:
    """Everything of one change. Hosts that do not answer cost no more than the time limit of one connection."""
    events, gaps = record.events(), []
    if fault := record.fault():
        gaps.append(Gap(what="a plan and events to be believed", cause=fault))
    hosts = _hosts(record, sources.environment)
    looks = sources.inspector.look(hosts, sources.environment.settings.install.root)
    gaps += [Gap(what=name, cause=look.cause) for name, look in looks.items() if not look.reachable]
    able = [host for host in hosts if looks[host.name].reachable]
    members = [
        *_stored(record, sources.redact),
        _json("settings.json", sources.environment.shown(digests=True), sources.redact),
        _json("versions.json", {**sources.versions, "hosts": _versions_of(looks)}, sources.redact),
        *_facts(able, sources),
    ]
    for member, gap in _host_files(able, record, events, sources):
        members += [member] if member else []
        gaps += [gap] if gap else []
    ended = datetime.fromisoformat(events[-1].at) if events else None
    return ChangeExport(record, tuple(members), (*record.gaps, *gaps), ended)


def _hosts(record: ChangeRecord, environment: LoadedEnvironment) -> list[Host]:
    """The plan's, as the inventory reaches them: addresses in a plan that is not believed lead anywhere."""
    plan = record.plan()
    names = {host.name for host in plan.plan.hosts} if plan else set()
    return [host for host in environment.hosts if host.name in names]


def _stored(record: ChangeRecord, redact: Redact) -> Iterator[Member]:
    """The change's own objects, the leases and the journal's head, as stored but for what is redacted."""
    lines = []
    for key, body in sorted(record.objects.items()):
        name = key.removeprefix(record.prefix).removeprefix(f"{record.place.journal.environment}/")
        if name.startswith("events/"):
            about = {"digest": sha256_hex(body), "key": key}
            lines.append(json.dumps({**about, "event": _redacted(body, redact)}, ensure_ascii=False) + "\n")
        else:
            yield Member.of_json(f"{name}.json", _redacted(body, redact))
    yield Member("events.jsonl", "".join(lines).encode())


def _redacted(body: bytes, redact: Redact) -> JsonValue:
    """Of bytes that are no JSON the text."""
    text = body.decode(errors="replace")
    try:
        return redact_json(json.loads(text), redact)
    except (ValueError, RecursionError):
        return redact(text)


def _json(name: str, value: JsonValue, redact: Redact) -> Member:
    return Member.of_json(name, redact_json(value, redact))


def _versions_of(looks: Mapping[str, HostLook]) -> dict[str, JsonValue]:
    return {
        name: {"python": ".".join(map(str, look.python)), "os": look.os, "guard": look.guard}
        for name, look in looks.items()
        if look.reachable
    }


def _facts(hosts: Sequence[Host], sources: Sources) -> Iterator[Member]:
    names = [host.name for host in hosts]
    if not names:
        return
    environment = sources.environment
    fleet = gather_fleet(sources.performer, environment, environment.group_names(), only=names, probe=True)
    for facts in fleet.hosts:
        if facts.host.name in names:
            yield _json(f"hosts/{facts.host.name}/facts.json", facts.model_dump(mode="json"), sources.redact)
    servers = [server.model_dump(mode="json") for server in fleet.servers]
    yield _json("balancers.json", servers, sources.redact)


def _host_files(
    hosts: Sequence[Host], record: ChangeRecord, events: Sequence[Event], sources: Sources
) -> Iterator[tuple[Member | None, Gap | None]]:
    """Logs, and results that the guards have kept."""
    asks = [ask for host in hosts for ask in _asks(host, record, events, sources.environment)]
    outcomes = sources.performer.perform(asks, lambda _key, _outcome: None)
    for key, outcome in sorted(outcomes.items()):
        act, _, name = key.partition("@")
        if not outcome.is_done:
            yield None, Gap(what=f"{name}: {act}", cause=outcome.message or outcome.status)
        elif act == "logs":
            yield _log(name, outcome, sources.redact), None
        else:
            cut = "older results are left out" if outcome.result["cut"] else ""
            units = redact_json(outcome.result["units"], sources.redact)
            yield Member.of_json(f"hosts/{name}/results.json", units, cut), None


def _asks(
    host: Host, record: ChangeRecord, events: Sequence[Event], environment: LoadedEnvironment
) -> Iterable[Guarded]:
    own = f"clm-{record.id}-*".lower().replace("_", "-")
    times = [datetime.fromisoformat(event.at) for event in events]
    closed = bool(events) and events[-1].kind == "closed"
    wanted: dict[str, JsonValue] = {
        "root": environment.settings.install.root, "groups": list(host.groups), "units": [], "beside": [own],
        "lines": LINES, "since": _stamp(min(times) - MARGIN) if times else "-1d",
        "until": _stamp(max(times) + MARGIN) if closed else "",
    }  # fmt: skip
    for act, arguments in (("logs", wanted), ("results", {"change": record.id})):
        ask = question(environment, host, act, arguments, LIMIT)
        yield ask.model_copy(update={"key": f"{act}@{host.name}"})


def _stamp(moment: datetime) -> str:
    """As journalctl takes it, whatever the host's time zone."""
    return f"@{int(moment.timestamp())}"


def _log(name: str, outcome: Outcome, redact: Redact) -> Member:
    cut = f"only the newest {LINES} lines, 512 KiB at most" if outcome.result.get("cut") else ""
    return Member(f"hosts/{name}/log.txt", redact_log(redact(str(outcome.result["text"]))).encode(), cut)
