"""Exact points of a change, as requests on their way to the storage: every act is announced there, then its result."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clmdeploy.lab.proxy_faults import Hold, Matching
from clmdeploy.lab.proxy_wire import S3Request
from clmdeploy.lab.storage_proxy import StorageProxy
from tests.faults.control_node import Kill, Running
from tests.faults.ground import Ground
from tests.faults.on_host import awaiting_act

REACH = 120.0  # seconds to the last point of a change, on a busy machine
Moment = Literal["unannounced", "announced", "acting", "acted", "recorded"]
"""unannounced: before the intent is stored · announced: after that, before the act · acting: the host is at it ·
acted: before the result is stored · recorded: after that"""
MOMENTS: tuple[Moment, ...] = ("unannounced", "announced", "acting", "acted", "recorded")


@dataclass(frozen=True)
class Point:
    """A moment of one step. `undo`: of its undo."""

    step: str
    moment: Moment
    undo: bool = False
    host: str = ""
    """where the act of the step runs first"""
    kind: str = ""
    """of the event, where it is not about a step"""

    @property
    def name(self) -> str:
        return f"{'undo of ' if self.undo else ''}{self.kind or self.step} {self.moment}"

    @property
    def _kind(self) -> str:
        if self.kind:
            return self.kind
        verb = "started" if self.moment in ("unannounced", "announced", "acting") else "finished"
        return f"{'undo' if self.undo else 'step'}-{verb}"

    @property
    def _at(self) -> Literal["arrived", "answered"]:
        return "arrived" if self.moment in ("unannounced", "acted") else "answered"

    def hold(self, proxy: StorageProxy) -> Hold:
        """Let whoever comes to this point wait there."""
        finishes = not self.kind and self.moment in ("acted", "recorded")
        matching = own_result_put(self._kind, self.step) if finishes else event_put(self._kind, self.step)
        return proxy.hold(matching, Hold(self._at))


def points_of(plan: Mapping[str, Any]) -> Iterator[Point]:
    """Every moment of every step, in the plan's order. A gate asks only: it has no act to be cut off."""
    for step in plan["steps"]:
        yield from _moments(step, undo=False)


def undo_points_of(plan: Mapping[str, Any], last: str) -> Iterator[Point]:
    """Every moment of every undo when all is taken back from the step `last` on, in the order in which that is done."""
    names = [step["id"] for step in plan["steps"]]
    for step in reversed(plan["steps"][: names.index(last) + 1]):
        if step["undo"] in ("restore", "tidy"):
            yield from _moments(step, undo=True)


def _moments(step: Mapping[str, Any], *, undo: bool) -> Iterator[Point]:
    for moment in MOMENTS:
        if moment != "acting" or step["action"]["kind"] != "gate":
            yield Point(step["id"], moment, undo, step["targets"][0]["host"])


def event_put(kind: str, step: str = "") -> Matching:
    """The request that stores an event of this kind, about this step."""

    def matches(request: S3Request) -> bool:
        if request.method != "PUT" or "/events/" not in request.key:
            return False
        event = json.loads(request.body)
        return bool(event["kind"] == kind and (not step or event["step"] == step))

    return matches


def own_result_put(kind: str, step: str) -> Matching:
    """The result of an act that was announced while the rule stood.

    Whoever takes over first stores what became of an act that was cut off before: that is another point.
    """
    announced = event_put(kind.replace("finished", "started"), step)
    finished = event_put(kind, step)
    seen: list[str] = []

    def matches(request: S3Request) -> bool:
        if announced(request):
            seen.append(request.key)
        return bool(seen) and finished(request)

    return matches


@contextlib.contextmanager
def stopped_at(ground: Ground, point: Point, running: Running) -> Iterator[Hold]:
    """`running` stands at the point while the block lasts. What was held is then neither stored nor answered."""
    hold = point.hold(ground.proxy)
    try:
        reach(hold, running)
        if point.moment == "acting":
            _let_act(ground, point, hold)
        yield hold
    finally:
        hold.drop()


def kill_at(ground: Ground, point: Point, running: Running, how: Kill) -> None:
    """Let `running` come to the point, and kill it there."""
    with stopped_at(ground, point, running):
        running.kill(how)


def reach(hold: Hold, *runs: Running) -> S3Request:
    """Wait until one of them comes to the point. Raises AssertionError when they end before, or never get there."""
    deadline = time.monotonic() + REACH
    while time.monotonic() < deadline:
        if hold.reached.wait(0.5):
            return hold.await_reached(1)
        ended = [running for running in runs if not running.is_running]
        assert not ended, f"{ended[0].described} ended before the point was reached: {ended[0].said}"
    raise AssertionError(f"{runs[0].described} did not reach the point: {runs[0].said}")


def _let_act(ground: Ground, point: Point, hold: Hold) -> None:
    """Return as soon as the guard of the host runs the act."""
    command = ground.lab.host(point.host).ssh.command("--", shlex.join(awaiting_act()))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        hold.let_go()
        assert watcher.stdout.readline() == "begun\n", f"no act began on {point.host}"
