"""clmdeploy is killed at every point of every step of a deploy and of a rollback; then resumed, or aborted."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.case import Case, Family, Finish, Work
from tests.faults.control_node import Kill
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Point, kill_at, points_of

_FINISHES: tuple[Finish, ...] = ("resume", "abort")
_KILLS: tuple[Kill, ...] = ("node", "parent")


def cases(ground: Ground) -> Iterator[Case]:
    """Deploys and rollbacks in turn, since the end of one is where the other begins."""
    for finish in _FINISHES:
        pairs = [list(_cases_of(ground, work, finish)) for work in WORDS]
        while any(pairs):
            yield from (waiting.pop(0) for waiting in pairs if waiting)


def _cases_of(ground: Ground, work: Work, finish: Finish) -> Iterator[Case]:
    """Amid an act both ways to die differ: a child may live on. At the journal's points they take turns."""
    for number, point in enumerate(points_of(ground.plans[work])):
        turn = (number + _FINISHES.index(finish)) % 2
        for how in _KILLS if point.moment == "acting" else (_KILLS[turn],):
            yield kill_case(work, point, how, finish)


def kill_case(work: Work, point: Point, how: Kill, finish: Finish) -> Case:
    """One kill, and one command that settles it."""

    def act(ground: Ground) -> None:
        kill_at(ground, point, ground.node.start(*WORDS[work]), how)
        ground.node("change", finish).expecting(0)

    name = f"{work}: {point.name}, SIGKILL of the {how}, {finish}"
    return Case("kill", name, work, "after" if finish == "resume" else "before", act)


FAMILY = Family("kill", cases)
