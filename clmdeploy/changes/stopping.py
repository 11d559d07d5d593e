"""What an administrator wants of a change under way, by Ctrl-C or a signal: to stop, or to take everything back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Stopping:
    """Set by signals, looked at between acts."""

    pause: threading.Event = field(default_factory=threading.Event)
    abort: threading.Event = field(default_factory=threading.Event)

    @property
    def wanted(self) -> bool:
        return self.pause.is_set() or self.abort.is_set()


@contextmanager
def heeding_signals(tell: Callable[[str], None]) -> Iterator[Stopping]:
    """First Ctrl-C, SIGTERM or lost terminal: stop at the next safe point. Second: take back.

    The act under way always ends first. What whoever started us ignores (nohup) stays ignored.
    """
    stopping = Stopping()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        wanted = "abort" if stopping.pause.is_set() else "pause"
        (stopping.abort if wanted == "abort" else stopping.pause).set()
        tell(wanted)

    heeded = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heeded}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
