"""The control node is lost for good; another one, with the inventory and nothing else, finishes or takes back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tests.faults.case import Case, Family, Finish
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Point, kill_at, points_of

_FINISHES: tuple[Finish, ...] = ("resume", "abort")


def cases(ground: Ground) -> Iterator[Case]:
    """Amid every act, and before the result of every step is stored, with either end in turn."""
    finishes = cycle(_FINISHES)
    for point in points_of(ground.plans["deploy"]):
        if point.moment in ("acting", "acted"):
            yield _case(point, next(finishes))


def _case(point: Point, finish: Finish) -> Case:
    def act(ground: Ground) -> None:
        with ground.another_node() as second:
            kill_at(ground, point, ground.node.start(*WORDS["deploy"]), "node")
            second("change", finish).expecting(0)
        by = [event["who"]["host"] for event in ground.bucket.events()]
        assert (by[0], by[-1]) == (ground.node.name, second.name), f"the journal names {dict.fromkeys(by)}"

    name = f"lost at {point.name}, {finish} from another"
    return Case("other-node", name, "deploy", "after" if finish == "resume" else "before", act)


FAMILY = Family("other-node", cases)
