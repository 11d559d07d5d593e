"""What can happen to a request on its way to the storage, and to which one: rules as values."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.proxy_wire import S3Request

Matching = Callable[[S3Request], bool]
_LONGEST_HOLD = 600.0  # seconds; a test that forgot its hold must not keep a thread for ever


@dataclass(frozen=True)
class Refusal:
    """The storage answers with an error of its own and does nothing: 503 SlowDown, 429 TooManyRequests."""

    status: int


@dataclass(frozen=True)
class Slowness:
    """The request is handed on `delay` seconds late, the answer comes with `rate` bytes a second (0: at once)."""

    delay: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True)
class Reset:
    """The connection is reset (TCP RST) before the storage has heard of the request, or half-way through its answer."""

    within: Literal["request", "answer"]


@dataclass(frozen=True)
class LostAnswer:
    """The storage does what it is asked, and the connection closes without an answer."""


@dataclass(frozen=True)
class Truncation:
    """The head of the answer promises all of the object, half of it comes, and the connection closes."""


@dataclass(eq=False)
class Hold:
    """The request waits, at one of two exact points, for whoever set the rule up.

    arrived: the storage has not heard of it yet. answered: the storage has done it, the client has not heard of that.
    """

    at: Literal["arrived", "answered"]
    request: S3Request | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    _decided: threading.Event = field(default_factory=threading.Event)
    _goes_on: bool = False

    def await_reached(self, seconds: float) -> S3Request:
        """The request that is held. Raises LabError when none came within `seconds`."""
        if not self.reached.wait(seconds) or self.request is None:
            raise LabError(f"no request came to be held within {seconds:g} s")
        return self.request

    def let_go(self) -> None:
        """Hand the request, or its answer, on."""
        self._goes_on = True
        self._decided.set()

    def drop(self) -> None:
        """Close the connection; at `arrived` the storage never hears of the request."""
        self._decided.set()

    def keep(self, request: S3Request) -> bool:
        """Called by the proxy: waits for the decision; whether the request goes on."""
        self.request = request
        self.reached.set()
        self._decided.wait(_LONGEST_HOLD)
        return self._goes_on


Fault = Refusal | Slowness | Reset | LostAnswer | Truncation | Hold


@dataclass(eq=False)
class Rule:
    """`fault` happens to the requests that match: after the first `skip` of them, to `times` of them (None: all)."""

    matching: Matching
    fault: Fault
    skip: int = 0
    times: int | None = 1
    hits: int = 0
    """How often it happened."""
    _seen: int = 0

    def claims(self, request: S3Request) -> bool:
        """Whether it happens to this request; counts. Called by the proxy, one request at a time."""
        if not self.matching(request):
            return False
        self._seen += 1
        if self._seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True
