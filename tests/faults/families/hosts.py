"""A host is cut off, frozen, killed, rebooted or full, in the middle of a deploy; mended, one command settles it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from clmdeploy.lab.host import LabHost
from tests.faults.case import Case, Family, Leaves
from tests.faults.ground import WORDS, Ground
from tests.faults.mishaps import CUT, FROZEN, KILLED, REBOOTED, Mishap, full
from tests.faults.points import Moment, Point, points_of, stopped_at
from tests.faults.state import FleetState
from tests.faults.telling import Told
from tests.lab.command_line import Ran

_UNCHANGED, _PARTLY, _UNKNOWN = 4, 5, 9  # docs/exit-codes.md
_LONGEST = 150.0  # seconds until work that a host broke must have ended by itself
_STARTING = 20.0  # seconds until a service that its host has started answers
# Where, and who: the host that acts, or the one that it is about.
_PLACES = (
    ("stage", "app1"), ("expand-2", "app1"), ("canary-switch", "app1"), ("canary-switch", "lb1"),
    ("canary-undrain", "lb1"), ("canary-undrain", "app1"), ("canary-soak", "app1"),
)  # fmt: skip
_FULL: tuple[tuple[str, str, str, Moment], ...] = (
    ("/opt/clm", "stage", "app1", "announced"),
    ("/opt/clm", "stage", "app1", "acting"),
    ("/opt/clm", "canary-switch", "app1", "announced"),
    ("/var/lib/clmdeploy", "stage", "app1", "announced"),
    ("/var/lib/clmdeploy", "expand-2", "app1", "announced"),
    ("/var/lib/clmdeploy", "canary-switch", "app1", "announced"),
    ("/var/lib/clmdeploy", "canary-switch", "app1", "acting"),
    ("/var/lib/clmdeploy", "canary-undrain", "lb1", "announced"),
    ("/var/lib/clmdeploy", "canary-undrain", "lb1", "acting"),
    ("/var/lib/clmdeploy", "canary-soak", "app1", "announced"),
)


@dataclass(frozen=True)
class _Trouble:
    """A mishap of one host at one point."""

    mishap: Mishap
    host: str
    point: Point

    @property
    def name(self) -> str:
        return f"{self.host} {self.mishap.name} at {self.point.name}"


def cases(ground: Ground) -> Iterator[Case]:
    """As soon as a step is announced, and amid its act."""
    points = {(point.step, point.moment): point for point in points_of(ground.plans["deploy"])}
    moments: tuple[Moment, ...] = ("announced", "acting")
    for mishap in (CUT, FROZEN, KILLED, REBOOTED):
        for step, host in _PLACES:
            for moment in moments:
                if (step, moment) in points:
                    yield host_case(_Trouble(mishap, host, points[step, moment]))
    for path, step, host, moment in _FULL:
        yield host_case(_Trouble(full(path), host, points[step, moment]))


def host_case(trouble: _Trouble) -> Case:
    """The work ends by itself, says who is to be mended, and one command settles it."""

    def act(ground: Ground) -> Leaves:
        host = ground.lab.host(trouble.host)
        with trouble.mishap.ready(host):
            ran = broken(ground, trouble, WORDS["deploy"])
        return settled(ground, trouble, ran)

    return Case("hosts", trouble.name, "deploy", "before", act, loaded=False)


def broken(ground: Ground, trouble: _Trouble, words: tuple[str, ...]) -> Ran:
    """Work that a host breaks: what came of it."""
    running = ground.node.start(*words)
    with stopped_at(ground, trouble.point, running) as hold:
        trouble.mishap.befall(ground.lab.host(trouble.host))
        hold.let_go()
    return running.ended(_LONGEST)


def settled(ground: Ground, trouble: _Trouble, ran: Ran) -> Leaves:
    """What the fleet must be like, once the command that was told has been typed."""
    if trouble.mishap.power:
        _check_whole(ground, ground.lab.host(trouble.host))
    if ran.code == 0:
        assert trouble.mishap.passing, f"{trouble.name} went unnoticed"
        return "after"
    assert ran.code in (_UNCHANGED, _PARTLY, _UNKNOWN), f"exit code {ran.code}: {ran.said}"
    assert trouble.host in ran.said, f"{trouble.host} is not named: {ran.said}"
    told = Told.by(ran)
    leaves: Leaves = "before"
    if ran.code == _UNCHANGED:
        assert not told.settles, f"all is taken back, and yet: {told.next}"
        remove_staged(ground, trouble.host)
    else:
        assert told.settles, f"exit code {ran.code}, and yet: {told.next}: {ran.said}"
        ground.node(*told.next).expecting(0)
        leaves = "after" if "resume" in told.next else "before"
    return leaves


def _check_whole(ground: Ground, host: LabHost) -> None:
    """Before anybody helps: what the host starts by itself is one complete release."""
    deadline = time.monotonic() + _STARTING
    while faults := _start_faults(FleetState.of(ground.lab), host.name):
        assert time.monotonic() < deadline, f"{host.name} after its start: {faults}"
        time.sleep(0.5)


def _start_faults(state: FleetState, name: str) -> str:
    seen, served = state.hosts[name], state.served.get(name)
    current = str(seen["current"])
    if served is None or (seen["releases"].get(current) == "" and current.startswith(f"{served}-")):
        return ""
    return f"current names {current}, of {seen['releases']}, and its service answers {served}"


def remove_staged(ground: Ground, name: str) -> None:
    """A release that lies beside what runs, and whole, harms nobody: a host that was away may keep it."""
    begins, state = ground.begins["deploy"].state.hosts[name], FleetState.of(ground.lab).hosts[name]
    for release, fault in state["releases"].items():
        if release not in begins["releases"] and release != state["current"] and not fault:
            ground.lab.host(name).run(("rm", "-rf", f"/opt/clm/releases/{release}"))


FAMILY = Family("hosts", cases)
