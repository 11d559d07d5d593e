"""A second fault: what settles the first one is killed as well, while it resumes and while it takes back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tests.faults.case import Case, Family, Finish
from tests.faults.control_node import Kill
from tests.faults.ground import WORDS, Ground
from tests.faults.points import MOMENTS, Point, kill_at, points_of, undo_points_of

_EVERY = 3  # of the points of a resume: their number has no divisor in common with that of a step's moments
_HOW: tuple[Kill, ...] = ("node", "parent")
_SETTLE: tuple[Finish, ...] = ("abort", "resume")


def cases(ground: Ground) -> Iterator[Case]:
    """The first kill leaves an act unknown: while the host is at it."""
    points, ways = list(points_of(ground.plans["deploy"])), cycle(_HOW)
    first = next(point for point in points if point.moment == "acting")
    for point in [*_taking_over(), *points[len(MOMENTS) :: _EVERY]]:
        yield _resumed_twice(first, point, next(ways))
    last = [point for point in points if point.moment == "acting"][-1]
    for number, point in enumerate(undo_points_of(ground.plans["deploy"], last.step)):
        if point.moment in ("announced", "acting", "acted"):
            yield _aborted_twice(last, point, _HOW[number % 2], _SETTLE[number // 2 % 2])


def _taking_over() -> Iterator[Point]:
    yield Point("", "unannounced", kind="taken-over")
    yield Point("", "announced", kind="taken-over")


def _resumed_twice(first: Point, second: Point, how: Kill) -> Case:
    def act(ground: Ground) -> None:
        kill_at(ground, first, ground.node.start(*WORDS["deploy"]), "node")
        kill_at(ground, second, ground.node.start("change", "resume"), how)
        ground.node("change", "resume").expecting(0)

    return Case("second", f"resume: {second.name}, SIGKILL of the {how}, resume", "deploy", "after", act)


def _aborted_twice(first: Point, second: Point, how: Kill, settle: Finish) -> Case:
    """Whichever of the two comes next, it goes on in the direction in which the change was going: back."""

    def act(ground: Ground) -> None:
        kill_at(ground, first, ground.node.start(*WORDS["deploy"]), "node")
        kill_at(ground, second, ground.node.start("change", "abort"), how)
        ran = ground.node("change", settle)
        assert ran.code in (0, 4), f"change {settle}: exit code {ran.code}: {ran.said}"

    return Case("second", f"abort: {second.name}, SIGKILL of the {how}, {settle}", "deploy", "before", act)


FAMILY = Family("second", cases)
