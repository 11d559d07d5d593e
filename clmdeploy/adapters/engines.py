"""Lets backup engines work on hosts: a work becomes commands for the act `engine`, its raw reply a small result."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ValidationError

from clmdeploy.adapters.engine_progress import Lookers
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.work import Cautious, Work
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Clock, OutcomeListener, Performer
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import ClmError
from clmdeploy.model.packed import unpacked
from clmdeploy.model.value import JsonValue

MARGIN = 90.0  # seconds of an act's own time that its commands leave: SIGTERM, SIGKILL a minute later, and the reply
LOOK = 1200  # seconds for what a cautious work looks at first
INFLATED = 64 * 1024 * 1024  # bytes of one output
_UNDONE = Outcome(
    status="failed",
    message=Bilingual("an engine's work has no undo of its own", "у работы средства копирования нет своего отката"),
)


class EnginePerformer:
    """Implements the Performer port for EngineCalls. What engines say raw stays on their hosts."""

    def __init__(self, hosts: Performer, works: Mapping[str, Work], clock: Clock) -> None:
        self._hosts, self._works, self._clock = hosts, works, clock

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`.

        While an act runs, `listen` hears of it again and again: in flight, with `progress` in the result.
        """
        calls = {act.key: self._call(act) for act in acts}
        calls |= self._refused([act for act in acts if isinstance(calls[act.key], Guarded)])
        outcomes = {key: call for key, call in calls.items() if isinstance(call, Outcome)}
        for key, outcome in outcomes.items():
            listen(key, outcome)
        sent = {key: call for key, call in calls.items() if isinstance(call, Guarded)}
        asked = {act.key: act for act in acts}

        def hear(key: str, outcome: Outcome) -> None:
            outcomes[key] = self._outcome(asked[key], outcome)
            listen(key, outcomes[key])

        running = {key: asked[key] for key in sent if asked[key].guard == "run"}
        with Lookers(self._hosts, self._works, self._clock, running, listen) as lookers:
            self._hosts.perform(list(sent.values()), lookers.until_heard(hear))
        return {act.key: outcomes[act.key] for act in acts}

    def _refused(self, acts: Sequence[Guarded]) -> dict[str, Guarded | Outcome]:
        """Acts that must not begin, by what their cautious works found on the hosts just now."""
        wary = {act.key: act for act in acts if (act.guard, act.verb) == ("run", "perform")}
        works = {key: work for key, act in wary.items() if isinstance(work := self._works[act.act], Cautious)}
        asks = [
            wary[key].model_copy(update={
                "guard": "ask", "verb": "ask", "act": "engine", "timeout": LOOK,
                "arguments": {"commands": [_wire(one, LOOK) for one in work.caution(wary[key].arguments)],
                              "progress": wary[key].unit},
            })
            for key, work in works.items()
        ]  # fmt: skip
        answers = self._hosts.perform(asks, lambda _key, _outcome: None) if asks else {}
        found = {key: _why_not(work, wary[key], answers[key]) for key, work in works.items()}
        return {key: outcome for key, outcome in found.items() if outcome is not None}

    def _call(self, act: Guarded) -> Guarded | Outcome:
        """What is sent to the host; an outcome where nothing need be sent, or nothing can."""
        if act.guard in ("probe", "fence"):
            return act
        work = self._works.get(act.act)
        if work is None:
            return _failed(Bilingual(f"no work is called {act.act!r}", f"нет работы с именем {act.act!r}"))
        if act.verb == "restore":
            return _UNDONE
        try:
            commands = (work.question if act.verb == "probe" else work.commands)(act.arguments)
            if not commands:
                return Outcome(status="done", result=work.state(act.arguments, ()))
        except (ClmError, ValidationError) as error:
            return _failed(_words(error))
        arguments = {"commands": [_wire(one, act.timeout) for one in commands], "progress": act.unit}
        verb = act.verb if act.guard == "run" else "ask"
        return act.model_copy(update={"act": "engine", "verb": verb, "arguments": arguments})

    def _outcome(self, act: Guarded, raw: Outcome) -> Outcome:
        """What the work makes of the commands' endings; what the guard or the network said stays as it is."""
        if not raw.is_done or act.guard == "fence":
            return raw
        work = self._works[act.act]
        read: Callable[..., dict[str, JsonValue]] = (
            work.state if act.verb == "probe" and act.guard == "ask" else work.read
        )
        try:
            return Outcome(status="done", result=read(act.arguments, _completed(raw)))
        except (ClmError, ValidationError, ValueError) as error:
            return Outcome(status="failed", message=_words(error))


def _why_not(work: Cautious, act: Guarded, answer: Outcome) -> Outcome | None:
    """None where nothing speaks against it. Who can't be asked does not begin either."""
    if not answer.is_done:
        return answer.model_copy(update={"acted": False})
    try:
        work.refuse(act.arguments, _completed(answer))
    except (ClmError, ValidationError, ValueError) as error:
        return _failed(_words(error))
    return None


class _Raw(BaseModel):
    """One command as the host told of it."""

    code: int
    stdout: str
    stderr: str
    cut: bool
    late: bool


def _completed(raw: Outcome) -> tuple[Completed, ...]:
    """Raises ValueError for what is no reply of the act `engine`."""
    told = [_Raw.model_validate(one) for one in raw.result.get("completed", ())]
    if not told:
        raise ValueError("the host tells of no command")
    return tuple(
        Completed(one.code, unpacked(one.stdout, INFLATED), unpacked(one.stderr, INFLATED), one.cut, one.late)
        for one in told
    )


def _wire(command: Command, timeout: int) -> dict[str, JsonValue]:
    """As the act takes it. Bytes that are no UTF-8 go as surrogates, which JSON escapes."""
    return {
        "argv": list(command.argv), "environment": dict(command.environment), "secrets": dict(command.secrets),
        "user": command.user, "stdin": base64.b64encode(command.stdin).decode(), "keep": command.keep,
        "timeout": min(command.timeout, max(1.0, timeout - MARGIN) if timeout > 2 * MARGIN else timeout / 2),
        "shows": command.shows, "blanks": command.blanks, "again": list(command.again), "patience": command.patience,
        "awaits": [os.fsdecode(os.fsencode(text)) for text in command.awaits],
    }  # fmt: skip


def _words(error: ClmError | ValueError) -> str:
    """The failure, and what to do about it where that is known."""
    if isinstance(error, ClmError):
        return lines(part for part in (error.message, error.hint) if part)
    return str(error)[:500]


def _failed(message: str) -> Outcome:
    return Outcome(status="failed", message=message, acted=False)
