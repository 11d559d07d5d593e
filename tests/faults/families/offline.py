"""The storage is silent and a rollback goes on without it: killed, met by others, and shipped, with kills, later."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import yaml

from clmdeploy.lab.proxy_faults import Hold, Matching
from clmdeploy.lab.storage_proxy import about
from tests.faults.case import Case, Family, Finish
from tests.faults.control_node import ControlNode, Running
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Point, event_put, points_of, reach, stopped_at

_HELD = 6  # docs/exit-codes.md
_OFFLINE = (*WORDS["rollback"], "--offline", "--reason", "the storage is silent")
_FINISHES: tuple[Finish, ...] = ("resume", "abort")
_SHIP = ("journal", "ship")
_NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens


@dataclass(frozen=True)
class _Sign:
    """An event that `--events` shows once it is in the journal."""

    kind: str
    step: str

    def await_in(self, running: Running) -> None:
        """Raises AssertionError when it does not come."""
        deadline = time.monotonic() + 120
        while not self._shown(running):
            assert running.is_running, f"{running.described} ended before {self}: {running.said}"
            assert time.monotonic() < deadline, f"{running.described} did not come to {self}: {running.said}"
            time.sleep(0.01)

    def _shown(self, running: Running) -> bool:
        lines = running.out.read_text("utf-8", "replace").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return any((one.get("event"), one.get("step")) == (self.kind, self.step) for one in events)


def cases(ground: Ground) -> Iterator[Case]:
    """Kills at every step; a ship that is killed at each kind of write; two who work at once."""
    finishes = cycle(_FINISHES)
    *steps, last = [step["id"] for step in ground.plans["rollback"]["steps"]]
    for step in steps:
        for kind in ("step-started", "step-finished"):
            yield _killed(_Sign(kind, step), next(finishes))
        next(finishes)  # so that the next step is begun with the other one
    yield _killed(_Sign("step-started", last), next(finishes))  # when it has finished, all is over in a moment
    for name, matching in _shipped_writes(ground):
        for at in ("arrived", "answered"):
            yield _ship_killed(name, matching, Hold(at))  # type: ignore[arg-type]  # one of the two literals
    for finish in _FINISHES:
        yield _shipped_in_part(finish)
    yield Case("offline", "two without the storage: the second is refused", "rollback", "after", _two)
    yield Case("offline", "two without the storage: instead of one that is lost", "rollback", "after", _instead_of)
    yield _against_a_live_one(next(point for point in points_of(ground.plans["rollback"]) if _is_switch(point)))


def _is_switch(point: Point) -> bool:
    return point.moment == "announced" and "switch" in point.step


def _killed(sign: _Sign, finish: Finish) -> Case:
    """Gone on with offline, then shipped."""

    def act(ground: Ground) -> None:
        with _silence(ground):
            _kill_at(sign, ground.node.start(*_OFFLINE, "--events"))
            ground.node("change", finish, "--offline").expecting(0)
        ground.node(*_SHIP).expecting(0)

    name = f"killed when {sign.step} has {sign.kind.removeprefix('step-')}, {finish} --offline"
    return Case("offline", name, "rollback", "after" if finish == "resume" else "before", act)


def _shipped_writes(ground: Ground) -> Iterator[tuple[str, Matching]]:
    middle = _middle(ground)
    yield "the lease", about("PUT", "/lease/fleet")
    yield "the plan", about("PUT", "/plan")
    yield "its first event", event_put("opened")
    yield f"what became of {middle}", event_put("step-finished", middle)
    yield "its last event", event_put("closed")
    yield "the head", about("PUT", "/journal/head")


def _middle(ground: Ground) -> str:
    steps = [step["id"] for step in ground.plans["rollback"]["steps"]]
    return str(steps[len(steps) // 2])


def _ship_killed(name: str, matching: Matching, hold: Hold) -> Case:
    def act(ground: Ground) -> None:
        with _silence(ground):
            ground.node(*_OFFLINE).expecting(0)
        _ship_cut_off(ground, ground.node, matching, Hold(hold.at))
        ground.node(*_SHIP).expecting(0)

    when = "before" if hold.at == "arrived" else "after"
    return Case("offline", f"journal ship killed {when} it stores {name}", "rollback", "after", act)


def _shipped_in_part(finish: Finish) -> Case:
    """Who shipped is lost for good; another node settles what the bucket has of it."""

    def act(ground: Ground) -> None:
        with ground.another_node() as lost:
            with _silence(ground):
                lost(*_OFFLINE).expecting(0)
            _ship_cut_off(ground, lost, event_put("step-started", _middle(ground)), Hold("answered"))
        ground.node("change", finish).expecting(0)

    leaves = "after" if finish == "resume" else "before"
    return Case("offline", f"shipped in part, {finish} from another", "rollback", leaves, act)  # type: ignore[arg-type]


def _ship_cut_off(ground: Ground, node: ControlNode, matching: Matching, hold: Hold) -> None:
    held, running = ground.proxy.hold(matching, hold), node.start(*_SHIP)
    try:
        reach(held, running)
        running.kill("node")
    finally:
        held.drop()


def _two(ground: Ground) -> None:
    """The hosts refuse the second one, and name the first; it goes on undisturbed."""
    with _silence(ground), ground.another_node() as second:
        first = ground.node.start(*_OFFLINE, "--events")
        _Sign("step-started", _middle(ground)).await_in(first)
        first.signal(signal.SIGSTOP)
        ran = second(*_OFFLINE)
        first.signal(signal.SIGCONT)
        first.ended().expecting(0)
    assert ran.code == _HELD, f"exit code {ran.code}: {ran.said}"
    for word in ("admin@lab", ground.node.name, "--instead-of"):
        assert word in ran.said, f"{word!r} is not told: {ran.said}"
    ground.node(*_SHIP).expecting(0)


def _instead_of(ground: Ground) -> None:
    """By the very words that the refusal names."""
    with _silence(ground), ground.another_node() as lost:
        _kill_at(_Sign("step-started", _middle(ground)), lost.start(*_OFFLINE, "--events"))
        refused = ground.node(*_OFFLINE)
        assert refused.code == _HELD, f"exit code {refused.code}: {refused.said}"
        words = refused.said.replace("`", " ").split()
        ground.node(*_OFFLINE, "--instead-of", words[words.index("--instead-of") + 1]).expecting(0)
    ground.node(*_SHIP).expecting(0)


def _against_a_live_one(point: Point) -> Case:
    """One reaches the storage and holds the lease, the other does not: hosts listen to the one who claimed them."""

    def act(ground: Ground) -> None:
        first = ground.node.start(*WORDS["rollback"])
        with ground.another_node() as second, stopped_at(ground, point, first) as hold:
            with _misled(second):
                second(*_OFFLINE).expecting(0)
            hold.let_go()
            ran = first.ended()
            assert ran.code != 0, f"it went on against the claim: {ran.said}"
            second(*_SHIP).expecting(0)

    return Case("offline", f"claimed under a live controller at {point.step}", "rollback", "after", act)


@contextlib.contextmanager
def _silence(ground: Ground) -> Iterator[None]:
    """Nobody reaches the storage."""
    ground.proxy.refuse()
    try:
        yield
    finally:
        ground.proxy.accept()


@contextlib.contextmanager
def _misled(node: ControlNode) -> Iterator[None]:
    """This node alone does not reach the storage."""
    file = node.inventories / "lab" / "clm.yml"
    text = file.read_text("utf-8")
    settings = yaml.safe_load(text)
    settings["storage"]["endpoint"] = _NOWHERE
    file.write_text(yaml.safe_dump(settings), "utf-8")
    try:
        yield
    finally:
        file.write_text(text, "utf-8")


def _kill_at(sign: _Sign, running: Running) -> None:
    sign.await_in(running)
    running.kill("node")


FAMILY = Family("offline", cases)
