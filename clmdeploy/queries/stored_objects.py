"""The objects of the backup storage, through the backup host: it alone has keys, and reads where the way is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.host_files import FILES_SECRETS, JOBS
from clmdeploy.backups.parts import is_rewritten
from clmdeploy.backups.verification import Object
from clmdeploy.backups.wanted import Answer, Wanted
from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput, NothingChanged
from clmdeploy.model.hosts import Host
from clmdeploy.model.packed import unpacked
from clmdeploy.model.value import JsonValue

T = TypeVar("T")
_KEYS = ("access_key", "secret_key")
LISTING_LIMIT = 180  # seconds of one question
LARGEST_SLICE = 64 * 1024**2  # bytes that one answer may hold; the act `output` tells at most half of it
SLOWEST = 256 * 1024  # bytes a second that a storage is expected to give at least
_LISTED = TypeAdapter(list[tuple[str, int, str, str]])
_ANSWERS = TypeAdapter(tuple[Answer, ...])


class Listed(NamedTuple):
    """An object as the storage lists it, small: there may be hundreds of thousands."""

    key: str
    size: int
    etag: str

    @property
    def object(self) -> Object:
        return Object(key=self.key, size=self.size, etag=self.etag, changes=is_rewritten(self.key))


class Batch(NamedTuple):
    """What came of one question. `trouble`: why it ended early, empty when it did not."""

    answers: tuple[Answer, ...]
    trouble: str


@dataclass(frozen=True)
class StoredObjects:
    """Asks the backup host. Raises NothingChanged when it, or the storage, does not serve."""

    performer: Performer
    environment: LoadedEnvironment
    host: Host
    storage: JsonValue
    """as hostside/acts/s3 takes it: endpoint, bucket, region, path_style, authority"""
    workers: int = 3
    keys: JsonValue = field(default_factory=lambda: dict(zip(_KEYS, FILES_SECRETS.values(), strict=True)))

    def below(self, prefix: str) -> Iterator[Listed]:
        """Every object whose key begins so."""
        more = ""
        while True:
            answer = self._ask("objects", {**self.reach, "prefix": prefix, "more": more}, LISTING_LIMIT)
            for key, size, etag, _ in self._told(_LISTED, answer.get("objects")):
                yield Listed(key, size, etag)
            more = str(answer.get("more") or "")
            if not more:
                return

    def read(self, wanted: Sequence[Wanted], witnesses: Sequence[str], seconds: float, fetch: Command) -> Batch:
        """Read objects to their end; those that were not reached within `seconds` are asked again by the caller."""
        longest = max(one.object.size for one in wanted) / SLOWEST
        answer = self._ask(
            "reading",
            {
                **self.reach, "user": JOBS, "objects": [one.question() for one in wanted],
                "witnesses": list(witnesses), "limit": seconds, "workers": self.workers, "fetch": _plain(fetch),
            },
            int(seconds + 120 + 2 * longest),
        )  # fmt: skip
        return Batch(self._told(_ANSWERS, answer.get("read")), str(answer.get("trouble") or ""))

    def said(self, command: Command) -> Output:
        """What a command of the jobs says."""
        return Output(self, command)

    def slice_of(self, command: Command, skip: int) -> JsonValue:
        """Some of what it says, behind the first `skip` bytes: it runs anew for each."""
        return self._ask("output", {"command": _plain(command), "user": JOBS, "skip": skip}, int(command.timeout) + 30)

    @property
    def reach(self) -> dict[str, JsonValue]:
        """Storage and keys, as acts take them."""
        return {"storage": self.storage, "keys": self.keys}

    def _ask(self, act: str, arguments: dict[str, JsonValue], timeout: int) -> JsonValue:
        question = Guarded(
            key=self.host.name, host=self.host, environment=self.environment.settings.uuid, guard="ask", act=act,
            verb="ask", timeout=timeout, arguments=arguments,
        )  # fmt: skip
        outcome = self.performer.perform([question], lambda _key, _outcome: None)[self.host.name]
        if not outcome.is_done:
            raise NothingChanged(outcome.complaint(self.host.name), _AGAIN)
        return outcome.result

    def _told(self, adapter: TypeAdapter[T], told: JsonValue) -> T:
        try:
            return adapter.validate_python(told)
        except ValidationError as error:
            name, count = self.host.name, error.error_count()
            raise NothingChanged(
                Bilingual(f"{name}: its answer is none: {count} faults", f"{name}: ответ непонятен: ошибок {count}"),
                _AGAIN,
            ) from error


@dataclass
class Output:
    """A command's standard output as a stream of chunks; how it ended is known behind the last one."""

    source: StoredObjects
    command: Command
    completed: Completed | None = None

    def __iter__(self) -> Iterator[bytes]:
        passed = 0
        while True:
            answer = self.source.slice_of(self.command, passed)
            try:
                chunk = unpacked(answer["data"], LARGEST_SLICE)
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidInput(_not_whole(self.command.argv[0], error)) from error
            passed += len(chunk)
            if chunk:
                yield chunk
            if not answer["more"]:
                self.completed = Completed(int(answer["code"]), stderr=str(answer["said"]).encode())
                return

    def whole(self, limit: int) -> bytes:
        """All of it. Raises InvalidInput when that is more than `limit` bytes."""
        body = bytearray()
        for chunk in self:
            body += chunk
            if len(body) > limit:
                program = self.command.argv[0]
                raise InvalidInput(Bilingual(f"{program} says too much", f"{program}: слишком длинный вывод"))
        return bytes(body)


def _plain(command: Command) -> JsonValue:
    return {
        "argv": list(command.argv), "environment": dict(command.environment), "secrets": dict(command.secrets),
        "timeout": command.timeout,
    }  # fmt: skip


_AGAIN = Bilingual(
    "once it answers: run the same command again, it goes on where this one ended",
    "когда он ответит, повторите команду: она продолжит с того же места",
)


def _not_whole(program: str, error: Exception) -> str:
    return Bilingual(
        f"{program}: its output did not come whole: {error}", f"{program}: вывод получен не полностью: {error}"
    )
