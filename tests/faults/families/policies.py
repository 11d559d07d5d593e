"""The four failure policies, each with a host that fails, that is not there, and that gives no answer in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.case import Case, Family, Finish, Leaves
from tests.faults.ground import WORDS, Ground
from tests.faults.mishaps import CUT, FROZEN, Mishap, unstartable
from tests.faults.points import Point, points_of, stopped_at
from tests.faults.state import FleetState
from tests.faults.telling import Told
from tests.lab.command_line import Ran

_USAGE, _UNCHANGED, _PARTLY = 2, 4, 5  # docs/exit-codes.md
_LONGEST = 150.0  # seconds
_CHECKS = 20.0  # seconds until the balancer's own checks have seen what is so
_SICK, _STEP = "app2", "batch-1-switch"  # after the canary: the batch and all are not the same
_OLD, _NEW, _NONE = "1.0.0", "1.1.0", ""
_MEMBERS = ("app1", "app2", "worker1")
_UNWELL = unstartable(_NEW)
_NAMES = {_UNWELL.name: "failed", CUT.name: "unreachable", FROZEN.name: "timed out"}


@dataclass(frozen=True)
class Promise:
    """How a policy leaves things: the exit code, who serves what, whether the sick host alone is kept drained."""

    code: int
    serve: tuple[str, str, str]
    drained: bool
    following: str
    """how the command that is told begins"""


# docs/configuration.md, rollout.on_failure. A host that could not be taken back stays out of rotation, on purpose.
_FAILED = {
    "stop": Promise(_PARTLY, (_NEW, _NONE, _OLD), drained=True, following="change abort"),
    "take-back-batch": Promise(_PARTLY, (_NEW, _OLD, _OLD), drained=False, following="rollback --to 1.0.0"),
    "take-back-all": Promise(_UNCHANGED, (_OLD, _OLD, _OLD), drained=False, following="change show"),
    "tolerate": Promise(_PARTLY, (_NEW, _OLD, _NEW), drained=False, following="deploy 1.1.0"),
}
_SILENT = {
    "stop": Promise(_PARTLY, (_NEW, _OLD, _OLD), drained=True, following="change abort"),
    "take-back-batch": Promise(_PARTLY, (_NEW, _OLD, _OLD), drained=True, following="change abort"),
    "take-back-all": Promise(_PARTLY, (_OLD, _OLD, _OLD), drained=True, following="change abort"),
    "tolerate": Promise(_PARTLY, (_NEW, _OLD, _NEW), drained=True, following="change abort"),
}


def cases(ground: Ground) -> Iterator[Case]:
    """What stands open after `stop` is finished and taken back; all else has its one way on."""
    point = next(one for one in points_of(ground.plans["deploy"]) if (one.step, one.moment) == (_STEP, "announced"))
    for mishap, promises in ((_UNWELL, _FAILED), (CUT, _SILENT), (FROZEN, _SILENT)):
        for policy, promise in promises.items():
            finishes: tuple[Finish, ...] = ("resume", "abort") if policy == "stop" else ("abort",)
            for finish in finishes:
                yield _case(point, mishap, policy, promise, finish)


def _case(point: Point, mishap: Mishap, policy: str, promise: Promise, finish: Finish) -> Case:
    def act(ground: Ground) -> Leaves:
        host = ground.lab.host(_SICK)
        with mishap.ready(host):
            running = ground.node.start(*policy_words(policy))
            with stopped_at(ground, point, running) as hold:
                mishap.befall(host)
                hold.let_go()
            ran = running.ended(_LONGEST)
        check_kept(ground, ran, promise)
        return _settled(ground, policy, promise, finish)

    name = f"{policy}: {_SICK} {_NAMES[mishap.name]}, {finish}"
    return Case("policies", name, "deploy", "before", act, loaded=False)


def policy_words(policy: str) -> tuple[str, ...]:
    """A deploy under this policy."""
    return (*WORDS["deploy"], "--on-failure", policy, *(("--tolerate", "1") if policy == "tolerate" else ()))


def check_kept(ground: Ground, ran: Ran, promise: Promise) -> None:
    """The policy did what its documentation says, as users and the balancer see it, and told so."""
    told = Told.by(ran.expecting(promise.code))
    assert _SICK in ran.said, f"{_SICK} is not named: {ran.said}"
    deadline = time.monotonic() + _CHECKS
    while faults := _kept_otherwise(FleetState.of(ground.lab), promise):
        assert time.monotonic() < deadline, f"{faults}: {ran.said}"
        time.sleep(0.5)
    assert " ".join(told.next).startswith(promise.following), f"it tells to type {told.next}: {ran.said}"


def _kept_otherwise(state: FleetState, promise: Promise) -> list[str]:
    serve = tuple(_NONE if state.served[name].startswith("no version") else state.served[name] for name in _MEMBERS)
    # A drained server whose service is down is DOWN; nobody but the sick one may be anything else than UP.
    out = {name for name, status in state.balancer.items() if status != "UP"}
    expected = {name for name in state.balancer if name.endswith(f"/{_SICK}") and promise.drained}
    faults = [] if serve == promise.serve else [f"{_MEMBERS} serve {serve}, promised was {promise.serve}"]
    return faults + ([] if out == expected else [f"out of rotation: {out}, promised was {expected}"])


def _settled(ground: Ground, policy: str, promise: Promise, finish: Finish) -> Leaves:
    """The sick host is well again: the change is settled, and what is left of the work is done by the same command.

    Where some hosts keep the new release and others the old one, exit code 5 goes on saying so.
    """
    whole = policy in ("take-back-all", "stop")
    if promise.following == "change abort":
        ground.node("change", finish).expecting(0 if whole else _PARTLY)
    else:
        ground.node("change", finish).expecting(_USAGE)
    if whole:
        return "after" if finish == "resume" else "before"
    ground.node(*WORDS["deploy"]).expecting(0)
    return "after"


FAMILY = Family("policies", cases)
