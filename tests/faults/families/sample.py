"""A sample for every test run: before and after each kind of step, in one change that is killed again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clmdeploy.lab.proxy_faults import Fault, LostAnswer, Refusal, Rule
from clmdeploy.lab.proxy_wire import S3Request
from tests.faults.case import Case, Family
from tests.faults.control_node import Kill
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Moment, Point, kill_at, points_of, undo_points_of

_HOW: tuple[Kill, ...] = ("node", "parent")
_BEFORE_AND_AFTER: tuple[Moment, ...] = ("announced", "acted")


def _resumed(ground: Ground) -> None:
    plan = ground.plans["deploy"]
    points = [one for one in points_of(plan) if one.step in _first_of_each_kind(plan["steps"])]
    _killed_at_each(ground, WORDS["deploy"], ("change", "resume"), points)


def _aborted(ground: Ground) -> None:
    plan = ground.plans["deploy"]
    last = [point for point in points_of(plan) if point.moment == "acted"][-1]
    kill_at(ground, last, ground.node.start(*WORDS["deploy"]), "node")
    chosen = _first_of_each_kind(list(reversed(plan["steps"])))
    points = [one for one in undo_points_of(plan, last.step) if one.step in chosen]
    _killed_at_each(ground, ("change", "abort"), ("change", "abort"), points)


def _killed_at_each(ground: Ground, first: tuple[str, ...], then: tuple[str, ...], points: list[Point]) -> None:
    running = ground.node.start(*first)
    for number, point in enumerate(one for one in points if one.moment in _BEFORE_AND_AFTER):
        kill_at(ground, point, running, _HOW[number % 2])
        running = ground.node.start(*then)
    running.ended().expecting(0)


def _first_of_each_kind(steps: list[Mapping[str, Any]]) -> set[str]:
    """The same act forwards and back (drain, undrain) is two kinds."""
    kinds: dict[tuple[str, object], str] = {}
    for step in steps:
        kinds.setdefault((step["action"]["act"], step["action"]["arguments"].get("state")), step["id"])
    return set(kinds.values())


def _stuttering(ground: Ground) -> None:
    faults: tuple[Fault, ...] = (Refusal(503), Refusal(429), LostAnswer())
    rules = [ground.proxy.add(Rule(_first_try(number), fault, times=None)) for number, fault in enumerate(faults)]
    ground.node(*WORDS["deploy"]).expecting(0)
    assert all(rule.hits for rule in rules)


def _first_try(turn: int) -> Callable[[S3Request], bool]:
    """Of every third event, whose number leaves the remainder `turn`, the first PUT."""
    tried: set[str] = set()

    def matches(request: S3Request) -> bool:
        if request.method != "PUT" or "/events/" not in request.key or request.key in tried:
            return False
        if int(request.key.rpartition("/")[2]) % 3 != turn:
            return False
        tried.add(request.key)
        return True

    return matches


RESUMED = Case("sample", "killed before and after each kind of step, resumed each time", "deploy", "after", _resumed)
ABORTED = Case("sample", "killed before and after each kind of undo, aborted each time", "deploy", "before", _aborted)
STUTTERING = Case("sample", "each journal write fails once: 503, 429 or a lost answer", "deploy", "after", _stuttering)
FAMILY = Family("sample", lambda _ground: (RESUMED, ABORTED, STUTTERING))
