"""Brings together what a restore's planner needs: the point, databases and hosts as they are, timelines, release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clmdeploy.backups.archive_reach import ArchiveFacts
from clmdeploy.backups.layout import Layout
from clmdeploy.backups.moment import moment
from clmdeploy.backups.point import Counters
from clmdeploy.backups.targets import Choice, Lines, to_end, to_moment, to_point
from clmdeploy.backups.wal import Fork, read_history
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ports import Clock, Performer
from clmdeploy.config.backup import Backup
from clmdeploy.config.backup_hosts import backup_of, parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, UsageError, VerificationFailed
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish, Scope, SendersWish
from clmdeploy.queries.archive_facts import archive_facts, log_leads_to
from clmdeploy.queries.backing_up import BackingUp
from clmdeploy.queries.fleet import gather_fleet
from clmdeploy.queries.moment_release import release_at
from clmdeploy.queries.points import LATEST, Points, Seen
from clmdeploy.queries.restore_left import left_behind
from clmdeploy.queries.wishes import Wishing, release_groups

END = "end"
ASK = 60  # seconds
_KINDS = ("-restore-", "-rollback-")


@dataclass(frozen=True)
class Asked:
    """What the administrator wants back."""

    point: str | None = None
    at: str | None = None
    """a moment as it was typed, or `end`"""
    scope: Scope = field(default_factory=Scope)
    start_senders: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    release: str | None = None
    """directory of the release that is to run afterwards; None: that of the point"""


@dataclass(frozen=True)
class Found:
    """What the database hosts told: facts, and the histories that lie beside the primary's log."""

    clusters: tuple[ClusterFacts, ...]
    histories: Mapping[int, tuple[Fork, ...]]


@dataclass(frozen=True)
class Restoring:
    """Makes wishes for one environment. `points` reads the catalogue when it is needed."""

    environment: LoadedEnvironment
    points: Callable[[], Points]
    hosts: Performer
    wishing: Wishing
    backing_up: BackingUp
    journal: Journal
    clock: Clock

    def wish(self, asked: Asked) -> RestoreWish:
        """Raises InvalidInput for an unknown point or a moment that can't be reached, HostUnreachable, UsageError."""
        backup, groups = backup_of(self.environment), parties(self.environment)
        found = self._clusters(backup, groups.database)
        at = self._moment(asked.at)
        stored = archive_facts(
            self.backing_up.engines, self.environment.settings.uuid, groups.backup, backup.database.stanza, at
        ) if asked.at is not None and asked.scope.database else ArchiveFacts()  # fmt: skip
        choice = self._choice(asked, found, at, stored)
        left = None if asked.scope.directory else left_behind(self.journal)
        fleet = gather_fleet(self.hosts, self.environment, release_groups(self.environment, None), probe=True)
        runs = next((facts.current for facts in fleet.hosts if facts.current), None)
        ran = choice.base.release
        if asked.scope.whole and choice.target.kind in ("time", "default"):
            ran = release_at(self.journal, choice.base, choice.at)
        wanted = asked.release or (ran if asked.scope.whole and ran else runs)
        layout = Layout(self.environment.settings, backup, groups)
        return RestoreWish(
            settings=self.environment.settings, backup=backup, backup_host=groups.backup,
            inputs=dict(self.wishing.inputs), scope=asked.scope, choice=choice, until=stored.until(choice),
            history=stored.history(choice), fleet=fleet,
            rollout=self.wishing.onto(wanted, fleet) if wanted else None, clusters=found.clusters,
            point=self.backing_up.wish("incr", f"before a restore of {choice.base.id}", None),
            repositories={host.name: layout.repository_of(host.name) for host in groups.files},
            hosts=self.environment.hosts, start_senders=asked.start_senders, goes_back=asked.release is not None,
            reasons=dict(asked.reasons), left=left,
        )  # fmt: skip

    def senders(self) -> SendersWish:
        """For starting what a restore has left stopped."""
        fleet = gather_fleet(self.hosts, self.environment, release_groups(self.environment, None), probe=True)
        return SendersWish(settings=self.environment.settings, inputs=dict(self.wishing.inputs), fleet=fleet)

    def _choice(self, asked: Asked, found: Found, at: datetime | None, stored: ArchiveFacts) -> Choice:
        points = self.points()
        if asked.at is None:
            newest = points.newest_for_restore() if asked.point == LATEST else None
            seen = newest or points.find(asked.point or "")
            _refuse_damaged(seen)
            return to_point(seen.point, log_kept=self._log_is_kept(seen))
        sound = [seen.point for seen in points.points if not seen.faults]
        if asked.point is not None:  # a moment after this very point
            seen = (points.newest_for_restore() if asked.point == LATEST else None) or points.find(asked.point)
            _refuse_damaged(seen)
            sound = [seen.point]
        line = max((one.point.database.timeline for one in points.points), default=0)
        lines_of = self._lines(found, line, stored)
        return to_end(sound, lines_of) if at is None else to_moment(sound, at, lines_of)

    def _log_is_kept(self, seen: Seen) -> bool:
        """Of a point that is pinned alone, expiry leaves the log of its backup only."""
        standing, part = seen.entry.standing, seen.point.database
        if standing is None or standing.mode != "standalone" or part.wal is None:
            return True
        host = parties(self.environment).backup
        return log_leads_to(self.backing_up.engines, self.environment.settings.uuid, host, part.repository, seen.point)

    def _moment(self, typed: str | None) -> datetime | None:
        """None: no moment, or the end of the log."""
        if typed is None or typed == END:
            return None
        at = moment(typed, self.environment.settings.time_zone)
        _refuse_future(at, self.clock.now())
        return at

    def _lines(self, found: Found, newest: int, stored: ArchiveFacts) -> Lines:
        """By whoever knows most: servers that are left, points, the archive. A data directory may be gone."""
        live = max(newest, stored.live, *(one.timeline for one in found.clusters))
        # A primary that is stopped for this leaves a commit behind that is later than any moment.
        writes = any(one.readable and not one.recovery for one in found.clusters)
        return Lines(
            live=live, histories={**found.histories, **stored.histories},
            begun={**stored.begun, **dict(self._begun())}, end=None if writes else stored.line(live).stored,
        )  # fmt: skip

    def _begun(self) -> Iterator[tuple[int, datetime]]:
        """When each timeline was begun by a restore, as the journal has it."""
        for change in self.journal.changes():
            if not any(kind in change for kind in _KINDS):
                continue
            for result in self.journal.ledger(change).results("recover").values():
                if "timeline" in result:
                    yield int(result["timeline"]), datetime.fromtimestamp(float(result["at"]), UTC)

    def _clusters(self, backup: Backup, hosts: Iterable[Host]) -> Found:
        asks = [_ask(self.environment.settings.uuid, backup, host) for host in hosts]
        outcomes = self.hosts.perform(asks, lambda _key, _outcome: None)
        silent = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
        if silent:
            raise HostUnreachable(lines(silent), _BRING_BACK)
        clusters = tuple(_cluster(ask.host, outcomes[ask.key]) for ask in asks)
        histories = {
            int(timeline): read_history(text)
            for outcome in outcomes.values() for timeline, text in outcome.result["histories"].items()
        }  # fmt: skip
        return Found(clusters, histories)


_BRING_BACK = Bilingual(
    "all database hosts must answer: bring them back", "должны отвечать все узлы базы: верните их в строй"
)


def _ask(environment: str, backup: Backup, host: Host) -> Guarded:
    database = backup.database
    arguments: dict[str, JsonValue] = {"data": database.data, "port": database.port, "counts": database.name}
    return Guarded(
        key=host.name, host=host, environment=environment, guard="ask", act="cluster", verb="ask", timeout=ASK,
        arguments=arguments,
    )  # fmt: skip


def _cluster(host: Host, outcome: Outcome) -> ClusterFacts:
    told = outcome.result
    counters = told.get("counters")
    return ClusterFacts(
        host=host, running=told["running"], readable=told["readable"], recovery=told.get("recovery", False),
        timeline=told.get("timeline", 0), system_id=told.get("system_id", ""), free=told["free"], used=told["used"],
        beside=told.get("beside", 0), oid=told.get("oid", 0), size=told.get("size", 0),
        slots=tuple(told.get("slots", ())), clock=told.get("clock", 0.0), slot=told.get("slot", ""),
        counters=_counters(counters) if counters else None, fault=told.get("fault", ""),
    )  # fmt: skip


def _counters(told: Mapping[str, JsonValue]) -> Counters:
    return Counters.model_validate({**told, "at": datetime.fromtimestamp(told["at"], UTC)})


def _refuse_damaged(seen: Seen) -> None:
    if seen.faults:
        point, faults = seen.point.id, "; ".join(seen.faults)
        raise VerificationFailed(
            Bilingual(f"{point} is damaged: {faults}", f"{point} повреждена: {faults}"),
            Bilingual("choose another: clmdeploy backup list", "выберите другую: clmdeploy backup list"),
        )


def _refuse_future(at: datetime, now: datetime) -> None:
    if at > now:
        raise UsageError(
            Bilingual(f"{at.isoformat()} has not come yet", f"{at.isoformat()} ещё не наступило"),
            Bilingual("to have all that was archived: --at end", "взять всё, что есть в архиве: --at end"),
        )
