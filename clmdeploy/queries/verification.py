"""Reads back what is stored: everything that is new, was exchanged, failed before or was read too long ago.

It acts on nothing. After every batch the ledgers are stored, so that a run which is killed loses that batch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.command import Command
from clmdeploy.backups.parts import Part
from clmdeploy.backups.wanted import Answer, Wanted
from clmdeploy.changes.ports import Clock
from clmdeploy.model.errors import NothingChanged
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.dump_manifests import DumpManifests
from clmdeploy.queries.engine_words import EngineWords
from clmdeploy.queries.inventory import Inventory
from clmdeploy.queries.manifests import Manifests, Told
from clmdeploy.queries.part_work import PartWork, Terms
from clmdeploy.queries.stored_objects import StoredObjects
from clmdeploy.queries.verdicts import Verdicts
from clmdeploy.queries.verification_report import Report, Watch
from clmdeploy.queries.verification_scope import Scope

SECONDS = 8.0  # until a batch is stored
MOST_OBJECTS = 300  # of one batch
MOST_BYTES = 4 * 1024**3
MOST_PIECES = 8 * 1024**2  # bytes of digests: they fit the guard's request
PARALLEL = 8


@dataclass(frozen=True)
class Tools:
    """With what it works. `hold` raises when this process may go on no longer; `stop` tells why it should end."""

    objects: StoredObjects
    engines: EngineWords
    terms: Terms
    clock: Clock
    watch: Watch
    hold: Callable[[], None]
    stop: Callable[[], str]
    dumps: JsonValue = None
    """where dumps lie, as works on the backup host take it"""


@dataclass
class Verification:
    """One run."""

    tools: Tools
    scope: Scope
    works: dict[Part, PartWork] = field(default_factory=dict)
    objects: int = 0
    bytes: int = 0
    stopped: str = ""

    def run(self) -> Report:
        """Raises NothingChanged when host or storage don't serve; what was read until then is kept."""
        tools, begun = self.tools, self.tools.clock.monotonic()
        info = tools.engines.stanza()
        layout = self.scope.layout
        inventory = Inventory.of(layout, chain.from_iterable(map(tools.objects.below, layout.prefixes)))
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="ledgers") as pool:
            histories = inventory.histories(info, self.scope.points)
            opened = pool.map(lambda part: self._open(part, inventory, histories), self.scope.parts(inventory, info))
            self.works = {work.part: work for work in opened}
        wanted, known = map(sum, zip(*((0, 0), *(one.counts for one in self.works.values())), strict=True))
        tools.watch.begun(wanted, sum(work.size for work in self.works.values()), known)
        self._save(self.works.values())
        self._read(inventory.witnesses)
        verdicts = Verdicts(self.scope, self.works, inventory, info, tools.engines)
        return verdicts.report(
            Report(
                begun=tools.terms.now, seconds=tools.clock.monotonic() - begun, objects=self.objects, bytes=self.bytes,
                known=known, left=self._left, stopped=self.stopped,
            )
        )  # fmt: skip

    @property
    def _left(self) -> int:
        return sum(len(work.due) for work in self.works.values())

    def _open(self, part: Part, inventory: Inventory, histories: frozenset[str]) -> PartWork:
        whole = inventory.whole_files(part.repository) if part.kind == "files" else None
        listed = inventory.parts.get(part, ())
        must = self.scope.must(part, histories)
        return PartWork.opened(part, self.tools.terms, listed, must, (whole,) if whole else ())

    def _read(self, witnesses: tuple[str, ...]) -> None:
        waiting = _Queue(self._wanted())
        while not self._is_stopped() and (batch := waiting.take()):
            self.tools.hold()
            answers = self.tools.objects.read(batch, witnesses, SECONDS, self._fetch)
            told = {one.key: one for one in answers.answers}
            self._note(batch, told)
            waiting.put_back([one for one in batch if one.object.key not in told])
            if answers.trouble:
                raise NothingChanged(answers.trouble, words.GO_ON)

    def _is_stopped(self) -> bool:
        self.stopped = self.tools.stop() if self._left else ""
        return bool(self.stopped)

    def _note(self, batch: list[Wanted], told: Mapping[str, Answer]) -> None:
        now, touched = self.tools.clock.now(), {one.part for one in batch}
        for part in touched:
            for bad in self.works[part].note(told, [one for one in batch if one.part == part], now):
                self.tools.watch.found(bad.key, bad.cause)
        self._save(self.works[part] for part in touched)
        size = sum(one.bytes for one in told.values())
        self.objects, self.bytes = self.objects + len(told), self.bytes + size
        self.tools.watch.read(len(told), size)

    @property
    def _fetch(self) -> Command:
        """For the plain content of log: the file's name is put behind it."""
        command = self.tools.engines.database.fetch("archive/x")
        return replace(command, argv=command.argv[:-1])

    def _wanted(self) -> Iterator[Wanted]:
        """Part by part; what a manifest says of a part is fetched when its turn comes."""
        tools = self.tools
        manifests = Manifests(tools.objects, tools.engines.database, self.scope.layout)
        for work in [one for one in self.works.values() if one.due]:
            due = frozenset(one.object.key for one in work.due)
            if work.part.kind == "backup":
                work.learn(manifests.of_backup(work.part.name, due))
            elif work.part.kind == "info":
                work.learn(manifests.of_info(due))
            elif work.part.kind == "dump":
                work.learn(self._dump(work.part))
            elif work.part.kind == "files":
                self._check_structure(work)
            self._save([work])
            yield from work.wanted()

    def _dump(self, part: Part) -> Told:
        digest = self.scope.needs.dumps[part.repository, part.name]
        return DumpManifests(self.tools.objects, self.tools.dumps, self.scope.layout).told(part, digest)

    def _check_structure(self, work: PartWork) -> None:
        """Whether index, trees and packs of a file repository fit together: restic itself tells."""
        whole = next((one.object for one in work.due if one.object.key.endswith("/")), None)
        if whole is not None:
            read = self.tools.engines.structure(work.part.repository, whole, self.tools.clock.now())
            work.add([work.judged(read)])
            if read.fault:
                self.tools.watch.found(whole.key, read.fault)

    def _save(self, works: Iterable[PartWork]) -> None:
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="ledgers") as pool:
            for _ in pool.map(PartWork.save, [one for one in works if one.changed]):
                pass


class _Queue:
    """Objects to be read, in batches of bounded size; what was not reached comes first in the next one."""

    def __init__(self, wanted: Iterator[Wanted]) -> None:
        self._coming, self._back = wanted, list[Wanted]()

    def put_back(self, wanted: list[Wanted]) -> None:
        self._back = wanted + self._back

    def take(self) -> list[Wanted]:
        batch: list[Wanted] = []
        size = pieces = 0
        while len(batch) < MOST_OBJECTS and size < MOST_BYTES and pieces < MOST_PIECES:
            one = self._back.pop(0) if self._back else next(self._coming, None)
            if one is None:
                break
            batch.append(one)
            size, pieces = size + one.object.size, pieces + len(one.pieces)
        return batch
