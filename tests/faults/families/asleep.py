"""A control node falls asleep past its lease; another one settles its change; when it wakes, it can do nothing more."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import cycle

from tests.faults.case import Case, Family, Finish
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Point, points_of, stopped_at
from tests.faults.state import FleetState

_UNKNOWN = 9  # docs/exit-codes.md
_FINISHES: tuple[Finish, ...] = ("resume", "abort")
_TRACES = r"""
find /opt/clm /etc/systemd/system -printf '%p %y %i %m %u %s %T@ %C@ %l\n' | sort
systemctl show clm-web clm-worker -p Id,InvocationID,ActiveEnterTimestampMonotonic
"""


def cases(ground: Ground) -> Iterator[Case]:
    """`announced`: it wakes with leave to act, and the hosts refuse. The others: its write is refused by the bucket."""
    finishes = cycle(_FINISHES)
    for point in points_of(ground.plans["deploy"]):
        if point.moment == "announced":
            yield _case(point, "resume")
            yield _case(point, "abort")
        elif point.moment in ("unannounced", "acted"):
            yield _case(point, next(finishes))


def _case(point: Point, finish: Finish) -> Case:
    def act(ground: Ground) -> None:
        first = ground.node.start(*WORDS["deploy"])
        with ground.another_node() as second, stopped_at(ground, point, first) as hold:
            first.signal(signal.SIGSTOP)
            second("change", finish).expecting(0)
            settled, events = _traces(ground), ground.bucket.events()
            hold.let_go()
            first.signal(signal.SIGCONT)
            ran = first.ended()
        assert ran.code == _UNKNOWN, f"the sleeper ended with exit code {ran.code}: {ran.said}"
        assert _traces(ground) == settled, "the sleeper has touched hosts after it woke"
        assert ground.bucket.events() == events, "the sleeper has written into the journal after it woke"

    name = f"asleep at {point.name}, {finish} from another, awake"
    return Case("asleep", name, "deploy", "after" if finish == "resume" else "before", act)


def _traces(ground: Ground) -> dict[str, object]:
    """Everything by which work on a host shows: files with their times, and the runs of its services."""
    members = [host for host in ground.lab.hosts.values() if host.group in ("app", "worker")]
    traces: dict[str, object] = {host.name: host.run(("sh", "-c", _TRACES)).stdout for host in members}
    state = FleetState.of(ground.lab)
    return traces | {"schema": state.schema, "balancer": state.balancer}


FAMILY = Family("asleep", cases)
