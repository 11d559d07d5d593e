"""clmdeploy is killed at every other write of a change: lease, plan, head, the events that open and close it.

The writes are those of the same work when nothing befell it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clmdeploy.lab.proxy_faults import Hold, Matching
from clmdeploy.lab.proxy_wire import S3Request
from tests.faults.case import Case, Family, Finish, Leaves, Work
from tests.faults.ground import WORDS, Ground
from tests.faults.points import reach

_NOTHING_OPEN = 2  # docs/exit-codes.md: there is nothing to resume or abort
At = Literal["arrived", "answered"]
_AT: tuple[At, ...] = ("arrived", "answered")
_FINISHES: tuple[Finish, ...] = ("resume", "abort")


@dataclass(frozen=True)
class _Write:
    """The write number `number` (from 0) of this kind."""

    kind: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.number + 1}"

    @property
    def matching(self) -> Matching:
        return lambda request: request.method == "PUT" and kind_of(request) == self.kind


def kind_of(request: S3Request) -> str:
    """Leases tell whether they are taken or given back; heartbeats between are of the former kind too."""
    if "/events/" in request.key:
        return f"event {json.loads(request.body)['kind']}"
    if "/lease/" in request.key:
        lease = json.loads(request.body)
        return f"{lease['scope']} lease {'held' if lease['held'] else 'free'}"
    return request.key.rpartition("/")[2]


def writes_of(ground: Ground, work: Work) -> Iterator[_Write]:
    """In the order in which they came; of each lease's heartbeats none, as their number depends on time."""
    seen: Counter[str] = Counter()
    for kind in map(kind_of, ground.writes[work]):
        seen[kind] += 1
        of_step = kind.startswith(("event step", "event undo"))
        if not of_step and not (kind.endswith("held") and seen[kind] > 1):
            yield _Write(kind, seen[kind] - 1)


def cases(ground: Ground) -> Iterator[Case]:
    """Of a rollback, as a deploy brings it back to its beginning; of a deploy the data lease, which it alone takes."""
    chosen: list[tuple[Work, _Write]] = [("rollback", write) for write in writes_of(ground, "rollback")]
    chosen += [("deploy", write) for write in writes_of(ground, "deploy") if write.kind.startswith("data lease")]
    for work, write in chosen:
        for at in _AT:
            for finish in _FINISHES:
                yield _case(work, write, at, finish)


def _case(work: Work, write: _Write, at: At, finish: Finish) -> Case:
    def act(ground: Ground) -> Leaves:
        running = ground.node.start(*WORDS[work])
        hold = ground.proxy.hold(write.matching, Hold(at), write.number)
        try:
            reach(hold, running)
            running.kill("node")
        finally:
            hold.drop()
        return _settled(ground, work, finish)

    leaves: Leaves = "after" if finish == "resume" else "before"
    return Case("frame", f"{work}: {write.name} {at}, {finish}", work, leaves, act)


def _settled(ground: Ground, work: Work, finish: Finish) -> Leaves:
    """Where nothing is open, nobody may be told to settle anything: the next work simply begins."""
    kinds = [event["kind"] for event in ground.bucket.events()]
    ran = ground.node("change", finish)
    if kinds and kinds[-1] != "closed":
        ran.expecting(0)
        return "after" if finish == "resume" else "before"
    assert ran.code == _NOTHING_OPEN, f"change {finish}: exit code {ran.code}: {ran.said}"
    following: Work = "deploy" if kinds and work == "rollback" else work
    ground.node(*WORDS[following], "--lease-wait", "120").expecting(0)
    return "before" if kinds else "after"


FAMILY = Family("frame", cases)
