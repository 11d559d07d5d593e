"""Two operators at once: exactly one acts; the other is told who, why and since when, or waits for its turn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from clmdeploy.lab.proxy_faults import Hold
from clmdeploy.lab.storage_proxy import about
from tests.faults.case import Case, Family
from tests.faults.control_node import ControlNode
from tests.faults.ground import WORDS, Ground
from tests.faults.points import Point, points_of, reach, stopped_at
from tests.lab.command_line import Ran

_HELD = 6  # docs/exit-codes.md
_WHY = "ticket 4711"
_DEPLOY = (*WORDS["deploy"], "--reason", _WHY)
_LEASE = about("PUT", "/lease/fleet")


def cases(ground: Ground) -> Iterator[Case]:
    """At every step; with each command that would act; and in the very race for the lease."""
    points = [point for point in points_of(ground.plans["deploy"]) if point.moment == "announced"]
    for point in points:
        yield _refused(point, WORDS["deploy"])
    for words in (WORDS["rollback"], ("change", "resume"), ("change", "abort"), ("host", "setup", "--yes")):
        yield _refused(points[len(points) // 2], words)
    for point in (points[0], points[-1]):
        yield _waiting(point)
    yield Case("operators", "--lease-wait of a deploy while another rolls back", "rollback", "before", _forth_again)
    yield Case("operators", "a rollback while a backup runs", "rollback", "after", _rollback_beside_a_backup)
    yield Case("operators", "a migration while a backup runs", "deploy", "after", _migration_after_a_backup)
    yield Case("operators", "both ask for the lease in the same moment", "deploy", "after", _race)


def _refused(point: Point, words: tuple[str, ...]) -> Case:
    def act(ground: Ground) -> None:
        first = ground.node.start(*_DEPLOY)
        with ground.another_node() as second, stopped_at(ground, point, first) as hold:
            ran = second(*words)
            hold.let_go()
            first.ended().expecting(0)
        _check_told(ran, ground.node)
        assert len(ground.bucket.changes()) == 1, f"the journal has {ground.bucket.changes()}"

    return Case("operators", f"`{' '.join(words[:2])}` while another is at {point.step}", "deploy", "after", act)


def _waiting(point: Point) -> Case:
    def act(ground: Ground) -> None:
        first = ground.node.start(*_DEPLOY)
        with ground.another_node() as second, stopped_at(ground, point, first) as hold:
            waiting = second.start(*WORDS["deploy"], "--lease-wait", "300")
            _await_asking(ground, second)
            assert waiting.is_running, f"it did not wait: {waiting.said}"
            hold.let_go()
            first.ended().expecting(0)
            waiting.ended().expecting(0)
        assert len(ground.bucket.changes()) == 1, "it found nothing to do, and yet began a change"

    return Case("operators", f"--lease-wait while another is at {point.step}", "deploy", "after", act)


def _forth_again(ground: Ground) -> None:
    """Who has waited looks again at what there is to do, and then acts."""
    point = next(one for one in points_of(ground.plans["rollback"]) if one.moment == "announced")
    first = ground.node.start(*WORDS["rollback"])
    with ground.another_node() as second, stopped_at(ground, point, first) as hold:
        waiting = second.start(*WORDS["deploy"], "--lease-wait", "300")
        _await_asking(ground, second)
        hold.let_go()
        first.ended().expecting(0)
        waiting.ended().expecting(0)
    assert len(ground.bucket.changes()) == 2


def _rollback_beside_a_backup(ground: Ground) -> None:
    """Neither waits for the other."""
    with _backup(ground):
        ground.node(*WORDS["rollback"]).expecting(0)


def _migration_after_a_backup(ground: Ground) -> None:
    """Refused before anything begins, so that nobody has to wait for the backup together with it."""
    with _backup(ground) as holder:
        ran = ground.node(*WORDS["deploy"])
    _check_told(ran, holder)
    assert ground.bucket.changes() == [], f"the journal has {ground.bucket.changes()}"
    ground.node(*WORDS["deploy"]).expecting(0)


@contextlib.contextmanager
def _backup(ground: Ground) -> Iterator[ControlNode]:
    """Another node holds what a backup holds."""
    data = ("--scope", "data")
    with ground.another_node() as holder:
        holder("lease", "hold", *data, "--reason", _WHY).expecting(0)
        try:
            yield holder
        finally:
            holder("lease", "release", *data).expecting(0)


def _race(ground: Ground) -> None:
    """Both have read that the lease is free, and write it."""
    holds = [ground.proxy.hold(_LEASE, Hold("arrived")) for _ in range(2)]
    with ground.another_node() as second:
        runs = [ground.node.start(*_DEPLOY), second.start(*_DEPLOY)]
        # Either may come first.
        for hold in holds:
            reach(hold, *runs)
        for hold in holds:
            hold.let_go()
        ended = [running.ended() for running in runs]
    assert sorted(ran.code for ran in ended) == [0, _HELD], [(ran.code, ran.said) for ran in ended]
    winner = (ground.node, second)[0 if ended[0].code == 0 else 1]
    _check_told(next(ran for ran in ended if ran.code == _HELD), winner)
    assert len(ground.bucket.changes()) == 1


def _check_told(ran: Ran, holder: ControlNode) -> None:
    """Refused with the code for it, and told who holds it, why, and since when."""
    assert ran.code == _HELD, f"{' '.join(ran.words)}: exit code {ran.code}: {ran.said}"
    for word in ("admin@lab", holder.name, _WHY, "since"):
        assert word in ran.said, f"{word!r} is not told: {ran.said}"


def _await_asking(ground: Ground, node: ControlNode) -> None:
    """Until it has read the lease more than once."""
    asked = about("GET", "/lease/fleet")
    before = sum(asked(request) for request, _ in ground.proxy.passed)
    deadline = time.monotonic() + 60
    while sum(asked(request) for request, _ in ground.proxy.passed) < before + 3:
        assert time.monotonic() < deadline, f"{node.name} does not ask for the lease"
        time.sleep(0.2)


FAMILY = Family("operators", cases)
