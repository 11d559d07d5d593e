"""Looks how far engines are while they work: asks each host now and then, and tells who listens."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from clmdeploy.backups.engine import Meter, Progress
from clmdeploy.backups.work import Work
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Clock, OutcomeListener, Performer
from clmdeploy.model.errors import ClmError

FIRST = 2.0  # seconds between two looks; each costs a host a tenth of a second of its time
LONGEST = 10.0
WAIT = 3.0  # seconds at the end for a look that is under way
SLOWER = 20  # a work that has lasted N seconds is looked at every N/20


class Lookers:
    """While it is entered, a thread asks about each act in `running` until its outcome is heard."""

    def __init__(
        self,
        hosts: Performer,
        works: Mapping[str, Work],
        clock: Clock,
        running: Mapping[str, Guarded],
        listen: OutcomeListener,
    ) -> None:
        self._hosts, self._works, self._clock, self._listen = hosts, works, clock, listen
        self._running = dict(running)
        self._meters: dict[str, Meter] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="engine-progress", daemon=True)

    def __enter__(self) -> Self:
        if self._running:
            self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(WAIT)

    def until_heard(self, hear: OutcomeListener) -> OutcomeListener:
        """`hear`, after which no progress of that act is told any more."""

        def heard(key: str, outcome: Outcome) -> None:
            with self._lock:
                self._running.pop(key, None)
            hear(key, outcome)

        return heard

    def _look(self) -> None:
        begun = self._clock.monotonic()
        while not self._over.wait(min(LONGEST, max(FIRST, (self._clock.monotonic() - begun) / SLOWER))):
            with self._lock:
                acts = list(self._running.values())
            if not acts:
                return
            asks = [_question(act) for act in acts]
            told = self._hosts.perform(asks, lambda _key, _outcome: None)
            for act in acts:
                self._tell(act, told[act.key])

    def _tell(self, act: Guarded, told: Outcome) -> None:
        progress = self._progress(act, told)
        if progress is None:
            return
        now = self._clock.monotonic()
        meter = self._meters.setdefault(act.key, Meter(now, progress))
        found = {
            "bytes": progress.done, "total": progress.total, "files": progress.files,
            "rate": int(meter.rate(now, progress)), "remaining": meter.remaining(now, progress),
        }  # fmt: skip
        with self._lock:
            if act.key in self._running:
                self._listen(act.key, Outcome(status="in-flight", result={"progress": found}))

    def _progress(self, act: Guarded, told: Outcome) -> Progress | None:
        """None where nothing was said, or nothing that can be read: it is only shown."""
        if not told.is_done or not told.result.get("line"):
            return None
        with contextlib.suppress(ClmError, ValueError):
            return self._works[act.act].progress(act.arguments, base64.b64decode(told.result["line"]))
        return None


def _question(act: Guarded) -> Guarded:
    update = {"guard": "ask", "act": "progress", "verb": "ask", "timeout": 20, "arguments": {"name": act.unit}}
    return act.model_copy(update=update)
