"""Whether the log of the database reaches the storage: what the primary says, held against what lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from clmdeploy.backups.host_files import DATABASE
from clmdeploy.backups.parts import StorageMap
from clmdeploy.backups.wal import SEGMENT_SIZE, Segment, is_segment, is_segment_size
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.backup import DatabaseBackup
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.model.bilingual import Bilingual, joined, russian
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue, Text, Value

TIMEOUT = 30
PATIENCE = 45.0  # seconds that a segment may wait before that is a stall; a push takes less than one
_SOCKETS = "/var/run/postgresql"


class Archiving(Value):
    """How the archiving of the log stands. Names of segments are empty where none is known."""

    state: Literal["sound", "stalled", "off", "unknown"]
    cause: Text = ""
    since: AwareDatetime | None = None
    """of a stall: when the last segment reached the storage"""
    waiting: int = 0
    """segments that should be stored and are not"""
    primary: str = ""
    archived: str = ""
    """the newest that the server calls stored"""
    stored: str = ""
    """the newest of that timeline in the storage"""
    current: str = ""
    """the one that is written now"""


class Primary(BaseModel):
    """What hostside/acts/archiver tells. Times in seconds since 1970, by the database host's clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    now: float
    standby: bool
    mode: str
    size: int = SEGMENT_SIZE
    current: str | None = None
    archived: str | None = None
    archived_at: float | None = None
    failed: str | None = None
    failed_at: float | None = None
    waiting: int = 0
    oldest: float | None = None

    @property
    def last_stored(self) -> str:
        """The newest segment that it calls stored; labels of backups are stored behind theirs."""
        name = (self.archived or "")[:24]
        return name if is_segment(name) else ""

    @property
    def is_failing(self) -> bool:
        """The last try failed."""
        return self.waiting > 0 and self.failed_at is not None and self.failed_at > (self.archived_at or 0.0)

    @property
    def is_silent(self) -> bool:
        """Segments wait, and none was stored for long: nothing even tries."""
        last = max(self.archived_at or 0.0, self.oldest or self.now)
        return self.waiting > 0 and self.now - last > PATIENCE


@dataclass(frozen=True)
class LogWatch:
    """Asks database hosts and backup host side by side: one question each."""

    performer: Performer
    environment: str
    """its UUID"""
    parties: Parties
    database: DatabaseBackup
    map: StorageMap
    reach: Mapping[str, JsonValue]
    """storage and keys, as hostside/acts/objects takes them"""

    def look(self) -> Archiving:
        """Never raises for what hosts say, or don't."""
        outcomes = self._asked([*map(self._server_question, self.parties.database), self._storage_question])
        stored = outcomes.pop("storage")
        told = {name: _primary(outcome) for name, outcome in outcomes.items()}
        name = next((name for name, one in told.items() if one is not None and not one.standby), None)
        primary = told[name] if name is not None else None
        if name is None or primary is None:
            return Archiving(state="unknown", cause=_no_primary(outcomes))
        found = judged(name, primary, stored)
        if found.state == "stalled" and found.archived > found.stored:
            # a segment may have arrived between the two answers
            found = judged(name, primary, self._asked([self._storage_question])["storage"])
        return found

    def _asked(self, questions: Sequence[Guarded]) -> dict[str, Outcome]:
        return self.performer.perform(questions, lambda _key, _outcome: None)

    def _server_question(self, host: Host) -> Guarded:
        arguments = {"user": DATABASE, "port": self.database.port, "sockets": _SOCKETS}
        return self._question(host.name, host, "archiver", arguments)

    @property
    def _storage_question(self) -> Guarded:
        prefix = f"{self.map.database}/archive/{self.map.stanza}/"
        return self._question("storage", self.parties.backup, "segments", {**self.reach, "prefix": prefix})

    def _question(self, key: str, host: Host, act: str, arguments: dict[str, JsonValue]) -> Guarded:
        return Guarded(
            key=key, host=host, environment=self.environment, guard="ask", act=act, verb="ask", timeout=TIMEOUT,
            arguments=arguments,
        )  # fmt: skip


def judged(name: str, primary: Primary, stored: Outcome) -> Archiving:
    """What the primary says, and what the storage has. Pure. A storage that can't be asked hides no failing server."""
    newest = (stored.result.get("newest") or {}) if stored.is_done else {}
    segment, at = newest.get(primary.last_stored[:8], ("", ""))
    facts = Archiving(
        state="sound", primary=name, archived=primary.last_stored, stored=segment, current=primary.current or ""
    )
    if primary.mode == "off":
        return facts.model_copy(update={"state": "off", "cause": _OFF})
    if primary.is_failing or primary.is_silent:
        cause = _FAILING if primary.is_failing else _SILENT
        since = primary.archived_at or primary.oldest
        return _stalled(facts, cause, primary.waiting, _moment(since))
    if not stored.is_done:
        return facts.model_copy(update={"state": "unknown", "cause": stored.complaint("storage")})
    if primary.last_stored > segment:
        behind = _between(segment, primary.last_stored, primary.size)
        return _stalled(facts, _LIE, behind + primary.waiting, _parsed(at))
    return facts


def _stalled(facts: Archiving, cause: str, waiting: int, since: datetime | None) -> Archiving:
    return facts.model_copy(update={"state": "stalled", "cause": cause, "waiting": waiting, "since": since})


def _between(stored: str, archived: str, size: int) -> int:
    """Segments behind `stored` up to `archived`; 1 where none is stored: how many there were is not known."""
    if not stored or not is_segment_size(size):
        return 1
    return Segment.named(archived, size).number - Segment.named(stored, size).number


def _primary(outcome: Outcome) -> Primary | None:
    if not outcome.is_done:
        return None
    try:
        return Primary.model_validate(outcome.result)
    except ValidationError:
        return None


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).replace(microsecond=0)


def _parsed(at: str) -> datetime | None:
    """A time as the storage writes it."""
    try:
        return datetime.fromisoformat(at).replace(microsecond=0)
    except ValueError:
        return None


def _no_primary(outcomes: Mapping[str, Outcome]) -> str:
    faults = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
    told = joined("; ", faults) if faults else _ONLY_STANDBYS
    return Bilingual(f"no primary answers: {told}", f"основной сервер не отвечает: {russian(told)}")


_OFF = Bilingual("archive_mode is off: run `clmdeploy backup setup`", "archive_mode выключен: `clmdeploy backup setup`")
_FAILING = Bilingual("its archive_command fails", "archive_command завершается ошибкой")
_SILENT = Bilingual("segments wait, and nothing stores them", "сегменты ждут, но никто их не сохраняет")
_LIE = Bilingual(
    "the server calls segments stored that are not in the storage",
    "сервер считает сохранёнными сегменты, которых нет в хранилище",
)
_ONLY_STANDBYS = Bilingual("only standbys are there", "есть только резервные")
