"""The storage fails in every way that is known of storages, at several points of a deploy.

What passes by itself must be survived without anybody's help. What lasts ends with "unknown", and one resume.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clmdeploy.lab.proxy_faults import Fault, LostAnswer, Matching, Refusal, Reset, Rule, Slowness, Truncation
from clmdeploy.lab.proxy_wire import S3Request
from clmdeploy.lab.storage_proxy import about
from tests.faults.case import Case, Family
from tests.faults.ground import WORDS, Ground
from tests.faults.points import event_put, kill_at, points_of, stopped_at

_UNKNOWN = 9  # docs/exit-codes.md
_LEASE, _HEAD = "/lease/fleet", "/journal/head"


@dataclass(frozen=True)
class _Trouble:
    """`times`: how many requests in a row it befalls while it is short."""

    name: str
    fault: Fault
    times: int = 1


# At most as many as the tool repeats a write: one of them must get through.
_SHORT = (
    _Trouble("503", Refusal(503), 2),
    _Trouble("429", Refusal(429), 2),
    _Trouble("reset before it is heard", Reset("request")),
    _Trouble("reset within the answer", Reset("answer")),
    _Trouble("answer lost", LostAnswer()),
    _Trouble("slow", Slowness(delay=3, rate=20_000), 3),
)
_LASTING = (
    _Trouble("503", Refusal(503)),
    _Trouble("429", Refusal(429)),
    _Trouble("every connection reset", Reset("request")),
)


def cases(ground: Ground) -> Iterator[Case]:
    """By what is asked of the storage, and by what goes wrong with that."""
    yield from _short_cases(ground)
    yield from _truncated_cases(ground)
    yield from _lasting_cases(ground)


def _short_cases(ground: Ground) -> Iterator[Case]:
    steps = [step["id"] for step in ground.plans["deploy"]["steps"]]
    writes: list[tuple[str, Matching]] = [
        ("the lease is taken", about("PUT", _LEASE)),
        ("the plan is stored", about("PUT", "/plan")),
        ("the head is moved", about("PUT", _HEAD)),
        ("the change is opened", event_put("opened")),
        ("the change is closed", event_put("closed")),
    ]
    reads: list[tuple[str, Matching]] = [
        ("the head is read", about("GET", _HEAD)),
        ("the lease is read", about("GET", _LEASE)),
        ("an event is read", lambda request: request.method == "GET" and "/events/" in request.key),
        ("a release is read", about("GET", "/release.json")),
        ("a host fetches the bundle", _by_host(ground, "/bundle-")),
    ]
    for when, matching in [*writes, *reads]:
        for trouble in _SHORT:
            yield _survived(f"{trouble.name} when {when}", matching, trouble)
    for number, step in enumerate(steps):
        first, second = (_SHORT[(number + turn) % len(_SHORT)] for turn in (0, 3))
        yield _survived(f"{first.name} when {step} is announced", event_put("step-started", step), first)
        yield _survived(f"{second.name} when the result of {step} is stored", event_put("step-finished", step), second)
    for step in steps[:: len(steps) // 3]:
        yield _refused_for_a_while(step)


def _survived(name: str, matching: Matching, trouble: _Trouble) -> Case:
    """By itself: exit code 0."""

    def act(ground: Ground) -> None:
        rule = ground.proxy.add(Rule(matching, trouble.fault, times=trouble.times))
        ground.node(*WORDS["deploy"]).expecting(0)
        assert rule.hits, "it never happened"

    return Case("storage", name, "deploy", "after", act)


def _refused_for_a_while(step: str) -> Case:
    """The port is closed for less than a second: shorter than the pauses between a write's repetitions."""

    def act(ground: Ground) -> None:
        point = next(one for one in points_of(ground.plans["deploy"]) if one.step == step and one.moment == "acted")
        running = ground.node.start(*WORDS["deploy"])
        with stopped_at(ground, point, running) as hold:
            ground.proxy.refuse()
            hold.drop()
            time.sleep(0.8)
            ground.proxy.accept()
        running.ended().expecting(0)

    return Case("storage", f"connections refused for 0.8 s in {step}", "deploy", "after", act)


def _truncated_cases(ground: Ground) -> Iterator[Case]:
    read_by_resume: list[tuple[str, Matching]] = [
        ("plan", about("GET", "/plan")),
        ("event", lambda request: request.method == "GET" and "/events/" in request.key),
        ("head", about("GET", _HEAD)),
        ("lease", about("GET", _LEASE)),
    ]
    for name, matching in read_by_resume:
        yield _resumed_with(f"a truncated {name} is read by resume", matching)
    for name in ("bundle", "release"):
        trouble = _Trouble("truncated", Truncation())
        yield _survived(f"a host gets a truncated {name}", _by_host(ground, f"/{name}"), trouble)


def _resumed_with(name: str, matching: Matching) -> Case:
    def act(ground: Ground) -> None:
        point = next(one for one in points_of(ground.plans["deploy"]) if one.moment == "acted")
        kill_at(ground, point, ground.node.start(*WORDS["deploy"]), "node")
        rule = ground.proxy.add(Rule(matching, Truncation()))
        ground.node("change", "resume").expecting(0)
        assert rule.hits, "it never happened"

    return Case("storage", name, "deploy", "after", act)


def _lasting_cases(ground: Ground) -> Iterator[Case]:
    """From an exact point on, the storage is gone until the command has ended."""
    for point in points_of(ground.plans["deploy"]):
        if point.moment == "unannounced":
            yield _outage(f"connections refused from {point.step} on", event_put("step-started", point.step), None)
        if point.moment == "acted":
            number = len(point.step) % len(_LASTING)
            trouble = _LASTING[number]
            yield _outage(f"{trouble.name} from the result of {point.step} on", event_put("step-finished", point.step),
                          trouble.fault)  # fmt: skip
    yield _outage("503 from the closing event on", event_put("closed"), Refusal(503))


def _outage(name: str, matching: Matching, fault: Fault | None) -> Case:
    """`fault`: of every request; None: the port is closed."""

    def act(ground: Ground) -> None:
        begins = ground.proxy.refuse if fault is None else _nothing
        ground.proxy.add(Rule(_from(matching, begins), fault or Reset("request"), times=None))
        ran = ground.node(*WORDS["deploy"])
        ground.proxy.clear()
        ground.proxy.accept()
        assert ran.code == _UNKNOWN, f"exit code {ran.code}: {ran.said}"
        ground.node("change", "resume").expecting(0)

    return Case("storage", name, "deploy", "after", act)


def _nothing() -> None:
    """The rule alone does it."""


def _by_host(ground: Ground, name: str) -> Matching:
    """An application host fetches this file of a release, by a presigned address."""
    hosts = {host.address for host in ground.lab.hosts.values()}
    return lambda request: request.method == "GET" and name in request.key and request.client in hosts


def _from(matching: Matching, when_it_begins: Callable[[], object]) -> Matching:
    """Every request from the first that matches on."""
    begun: list[bool] = []

    def matches(request: S3Request) -> bool:
        if not begun and matching(request):
            begun.append(True)
            when_it_begins()
        return bool(begun)

    return matches


FAMILY = Family("storage", cases)
