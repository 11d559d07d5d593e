"""The journal's chain as it is stored, event by event, each with whether it fits in its place.

At most the events of one change are in memory at a time; of all others only where they begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

from clmdeploy.changes.events import GENESIS, Event
from clmdeploy.changes.journal import Journal, read_event
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import VerificationFailed
from clmdeploy.model.value import sha256_hex

PARALLEL = 8
BEHIND = Bilingual("it lies behind what is missing or was edited", "оно стоит после пропавшего или изменённого")


@dataclass(frozen=True)
class StoredEvent:
    """One event with its bytes. `event` is None where nothing can be made of them."""

    key: str
    body: bytes
    event: Event | None
    fault: str = ""
    """why it does not fit; empty in an unbroken chain"""

    @property
    def digest(self) -> str:
        return sha256_hex(self.body)

    @property
    def change(self) -> str:
        return self.key.split("/")[-3]

    @property
    def name(self) -> str:
        """CHANGE/NUMBER."""
        return f"{self.change}/{self.key.rpartition('/')[2]}"


def chain(journal: Journal) -> Iterator[StoredEvent]:
    """Every event of the environment: what fits, in the chain's order; then what does not, change by change.

    The first fault names what is wrong; behind it nothing fits any more.
    """
    return _Walk(journal).events()


@dataclass(frozen=True)
class _Run:
    """Events of one change between which nobody else has acted."""

    change: str
    start: int
    previous: str
    """digest of the event of the same change before it"""


class _Walk:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: dict[str, list[_Run]] = {}  # digest of the event that a run goes on from → the run
        self._told: dict[str, int] = {}  # change → how many of its events were told already
        self._last: StoredEvent | None = None
        self._broken = False

    def events(self) -> Iterator[StoredEvent]:
        self._find_beginnings()
        while not self._broken and len(runs := self._waiting.pop(self._end, [])) == 1:
            yield from self._run(runs[0])
        if len(runs) > 1 and not self._broken:
            yield self._rival(runs)
        yield from self._rest()

    @property
    def _end(self) -> str:
        return self._last.digest if self._last else GENESIS

    def _find_beginnings(self) -> None:
        """Of each change, what its first event goes on from."""
        prefix = f"{self._journal.root}/changes/"
        keys = (key for key in self._journal.store.keys(prefix) if "/events/" in key)
        for change, group in groupby(keys, key=lambda key: key.split("/")[-3]):
            self._told[change] = 0
            first = self._read(next(group))
            if first.event is not None:  # else it is found among the rest
                self._wait(first.event.previous, _Run(change, 0, first.event.previous))

    def _wait(self, digest: str, run: _Run) -> None:
        self._waiting.setdefault(digest, []).append(run)

    def _run(self, run: _Run) -> Iterator[StoredEvent]:
        found, previous = self._stored(run.change)[run.start :], run.previous
        for position, one in enumerate(found):
            if position and one.event is not None and "after" in one.event.detail:  # others have acted before it
                self._wait(str(one.event.detail["after"]), _Run(run.change, run.start + position, previous))
                return
            fault = self._misfit(one, run.start + position, previous, found[position + 1 :])
            yield self._tell(one, fault)
            if fault:
                return
            self._last, previous = one, one.digest

    def _tell(self, one: StoredEvent, fault: str) -> StoredEvent:
        self._told[one.change] += 1
        self._broken = self._broken or bool(fault)
        return replace(one, fault=fault)

    def _misfit(self, one: StoredEvent, number: int, previous: str, following: Sequence[StoredEvent]) -> str:
        wanted = f"{one.change}/{number:06d}"
        if one.name != wanted:
            return Bilingual(f"journal event {wanted} is missing", f"события журнала {wanted} нет")
        if one.event is None:
            return Bilingual(f"journal event {wanted} can't be read", f"событие журнала {wanted} не читается")
        if (one.event.change, one.event.environment) != (one.change, self._journal.environment):
            other = f"{one.event.environment}/{one.event.change}"
            return Bilingual(f"journal event {wanted} is one of {other}", f"событие журнала {wanted} — из {other}")
        if one.event.seq != number:
            seq = one.event.seq
            return Bilingual(
                f"journal event {wanted} is out of order: it was number {seq}",
                f"событие журнала {wanted} не на своём месте: его номер был {seq}",
            )
        if one.event.previous == previous:
            return ""
        # Which of the two was edited? The one that its own follower does not know.
        known = bool(following) and following[0].event is not None and following[0].event.previous == one.digest
        edited = f"{one.change}/{number - 1:06d}" if known and number else wanted
        return Bilingual(f"journal event {edited} was edited", f"событие журнала {edited} изменено")

    def _rival(self, runs: Sequence[_Run]) -> StoredEvent:
        one, other = runs[:2]
        fault = Bilingual(
            f"changes {one.change} and {other.change} both claim the same place in the chain",
            f"изменения {one.change} и {other.change} занимают одно место в цепочке",
        )
        return self._tell(self._stored(one.change)[one.start], fault)

    def _rest(self) -> Iterator[StoredEvent]:
        for change in self._told:
            for one in self._stored(change)[self._told[change] :]:
                yield self._tell(one, BEHIND if self._broken else self._unjoined(one))

    def _unjoined(self, one: StoredEvent) -> str:
        wanted = f"{one.change}/{self._told[one.change]:06d}"
        if one.name != wanted or one.event is None:
            return Bilingual(
                f"journal event {wanted} is missing or can't be read",
                f"события журнала {wanted} нет, или оно не читается",
            )
        if self._last is None:
            return Bilingual(
                f"change {one.change} does not begin the chain: what came before it is missing",
                f"изменение {one.change} не начинает цепочку: того, что было до него, нет",
            )
        return Bilingual(
            f"change {one.change} does not go on from journal event {self._last.name}: that was edited, or what came "
            "between is missing",
            f"изменение {one.change} не продолжает событие журнала {self._last.name}: то изменено, или нет того, что "
            "было между ними",
        )

    def _stored(self, change: str) -> list[StoredEvent]:
        keys = list(self._journal.store.keys(f"{self._journal.root}/changes/{change}/events/"))
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="journal") as pool:
            return list(pool.map(self._read, keys))

    def _read(self, key: str) -> StoredEvent:
        body = self._journal.store.get(key).body
        try:
            return StoredEvent(key, body, read_event(key, body))
        except VerificationFailed:
            return StoredEvent(key, body, None)
