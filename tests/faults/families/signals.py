"""SIGTERM and Ctrl-C: once, the change pauses where nothing is drained; twice, all is taken back. Settling too."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator

from tests.faults.case import Case, Family, Finish, Leaves
from tests.faults.control_node import Running
from tests.faults.ground import WORDS, Ground
from tests.faults.invariants import bucket_faults, fleet_faults
from tests.faults.points import Point, kill_at, points_of, stopped_at
from tests.faults.state import FleetState

_PAUSED, _UNCHANGED = 11, 4  # docs/exit-codes.md
_DRAINED = ("canary-switch", "acting")
Ask = Callable[[Running], None]


def _interrupt(running: Running) -> None:
    running.interrupt()


def _terminate(running: Running) -> None:
    running.signal(signal.SIGTERM)


_ASKS: tuple[tuple[str, Ask], ...] = (("Ctrl-C", _interrupt), ("SIGTERM", _terminate))


def cases(ground: Ground) -> Iterator[Case]:
    """Amid every step of a deploy, by either signal in turn."""
    steps = ground.plans["deploy"]["steps"]
    end = (steps[-1]["stage"], steps[-1]["batch"])
    last = {step["id"] for step in steps if (step["stage"], step["batch"]) == end}
    points = [point for point in points_of(ground.plans["deploy"]) if point.moment == "announced"]
    for number, point in enumerate(points):
        name, ask = _ASKS[number % 2]
        yield _once(point, name, ask, ends=point.step in last)
    for number, point in enumerate(points):
        name, ask = _ASKS[(number + 1) % 2]
        yield _twice(point, name, ask)
    amid = next(point for point in points_of(ground.plans["deploy"]) if (point.step, point.moment) == _DRAINED)
    for name, ask in _ASKS:
        yield _while_settling(amid, name, ask, "resume")
        yield _while_settling(amid, name, ask, "abort")


def _once(point: Point, name: str, ask: Ask, *, ends: bool) -> Case:
    """`ends`: no safe point comes after this step but the end itself."""

    def act(ground: Ground) -> None:
        running = _asked(ground, point, ask, times=1)
        running.ended().expecting(0 if ends else _PAUSED)
        if not ends:
            _check_rest(ground)
            ground.node("change", "resume").expecting(0)

    return Case("signals", f"{name} at {point.step}, {'ends' if ends else 'paused, resume'}", "deploy", "after", act)


def _twice(point: Point, name: str, ask: Ask) -> Case:
    def act(ground: Ground) -> None:
        _asked(ground, point, ask, times=2).ended().expecting(_UNCHANGED)

    return Case("signals", f"{name} twice at {point.step}, taken back", "deploy", "before", act)


def _while_settling(point: Point, name: str, ask: Ask, finish: Finish) -> Case:
    """A deploy was killed with a host drained. A resume ends at the next safe point; taking back is one already."""

    def act(ground: Ground) -> None:
        kill_at(ground, point, ground.node.start(*WORDS["deploy"]), "node")
        settling = ground.node.start("change", finish, "--events")
        with stopped_at(ground, Point("", "announced", kind="taken-over"), settling) as hold:
            ask(settling)
            _await_heard(settling, 1)
            hold.let_go()
        settling.ended().expecting(_PAUSED if finish == "resume" else 0)
        if finish == "resume":
            _check_rest(ground)
            ground.node("change", "resume").expecting(0)

    leaves: Leaves = "after" if finish == "resume" else "before"
    return Case("signals", f"{name} while a change is settled by {finish}", "deploy", leaves, act)


def _asked(ground: Ground, point: Point, ask: Ask, times: int) -> Running:
    """The act has been announced and not begun when the signal comes: it is carried out all the same."""
    running = ground.node.start(*WORDS["deploy"], "--events")
    with stopped_at(ground, point, running) as hold:
        for number in range(times):
            ask(running)
            _await_heard(running, number + 1)
        hold.let_go()
    return running


def _await_heard(running: Running, times: int) -> None:
    """Two signals that are pending at once are one: wait until the first is told of."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if sum("stop-wanted" in line for line in running.err.read_text("utf-8").splitlines()) >= times:
            return
        time.sleep(0.05)
    raise AssertionError(f"{running.described} did not hear the signal: {running.said}")


def _check_rest(ground: Ground) -> None:
    """A paused change holds nothing: no lease, no drained server, no host between two releases."""
    faults = [*fleet_faults(FleetState.of(ground.lab)), *bucket_faults(ground.bucket, ground.inventories)]
    assert not faults, f"while paused: {json.dumps(faults)}"


FAMILY = Family("signals", cases)
