"""A host has seen a newer token than the change has: it refuses, by name; and orphans of a killed run are ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from clmdeploy.lab.host import LabHost
from tests.faults.case import Case, Family, Finish, Leaves
from tests.faults.families.policies import Promise, check_kept, policy_words
from tests.faults.ground import WORDS, Ground
from tests.faults.mishaps import slow_to_start, unstartable
from tests.faults.points import Point, kill_at, points_of, stopped_at
from tests.faults.telling import Told

_UNCHANGED, _PARTLY, _UNKNOWN = 4, 5, 9  # docs/exit-codes.md
_GUARD = "/usr/local/lib/clmdeploy/guard"
_AHEAD = 1000
_OLD, _NEW = "1.0.0", "1.1.0"
_RENEW = ("lease", "renew", "-e", "lab", "--confirm", "lab")
_SLOW = 60  # seconds
# Nothing of the refused act has begun on app2: it goes on as before, and is never left drained but by `stop`.
_PROMISES = {
    "stop": Promise(_PARTLY, (_NEW, _OLD, _OLD), drained=True, following="change abort"),
    "take-back-batch": Promise(_PARTLY, (_NEW, _OLD, _OLD), drained=False, following="rollback --to 1.0.0"),
    "take-back-all": Promise(_UNCHANGED, (_OLD, _OLD, _OLD), drained=False, following="change show"),
    "tolerate": Promise(_PARTLY, (_NEW, _OLD, _NEW), drained=False, following="deploy 1.1.0"),
}


def cases(ground: Ground) -> Iterator[Case]:
    """Under each policy; where the refusing host owes an undo; and with a unit of the killed run still at work."""
    points = {(point.step, point.moment): point for point in points_of(ground.plans["deploy"])}
    for policy, promise in _PROMISES.items():
        yield _refused(points["batch-1-switch", "announced"], policy, promise)
    yield _owing(points["batch-1-switch", "announced"])
    for finish in ("resume", "abort"):
        yield _orphan(points["canary-switch", "acting"], finish)


def _refused(point: Point, policy: str, promise: Promise) -> Case:
    def act(ground: Ground) -> None:
        running = ground.node.start(*policy_words(policy))
        with stopped_at(ground, point, running) as hold:
            raise_token(ground.lab.host("app2"))
            hold.let_go()
        ran = running.ended()
        assert "stale token" in ran.said, f"it is not told why app2 refuses: {ran.said}"
        check_kept(ground, ran, promise)
        if policy == "stop":
            ground.node("change", "abort").expecting(0)
        _deploy_after_renewal(ground)

    return Case("fencing", f"{policy}: app2 has seen a newer token", "deploy", "after", act, loaded=False)


def _owing(point: Point) -> Case:
    """Switched before the token rose: what it owes can be settled once the lease is renewed."""
    unwell = unstartable(_NEW)

    def act(ground: Ground) -> None:
        sick = ground.lab.host("app2")
        with unwell.ready(sick):
            running = ground.node.start(*WORDS["deploy"])
            with stopped_at(ground, point, running) as hold:
                unwell.befall(sick)
                raise_token(ground.lab.host("app1"))
                hold.let_go()
            ran = running.ended().expecting(_PARTLY)
        assert "app1" in Told.by(ran).safe, f"it is not told that app1 owes an undo: {ran.said}"
        again = ground.node("change", "abort").expecting(_PARTLY)
        assert "stale token" in again.said, f"it is not told why app1 refuses: {again.said}"
        ground.node(*_RENEW).expecting(0)
        ground.node("change", "abort").expecting(0)

    return Case("fencing", "take-back-all: app1, switched, has seen a newer token", "deploy", "before", act,
                loaded=False)  # fmt: skip


def _orphan(point: Point, finish: Finish) -> Case:
    """Whoever takes over ends the unit that the killed run left behind, long before it would end by itself."""
    slow = slow_to_start(_SLOW, _NEW)

    def act(ground: Ground) -> Leaves:
        host = ground.lab.host("app1")
        with slow.ready(host), ground.another_node() as second:
            slow.befall(host)
            kill_at(ground, point, ground.node.start(*WORDS["deploy"]), "node")
            assert _units(host), "the act did not outlive the control node: the case proves nothing"
            slow.mend(host)
            began = time.monotonic()
            second("change", finish).expecting(0)
            took = time.monotonic() - began
        assert took < _SLOW, f"`change {finish}` took {took:.0f} s: it has waited for the orphan"
        assert not _units(host), f"left at work: {_units(host)}"
        return "after" if finish == "resume" else "before"

    return Case("fencing", f"an orphan unit is at work, {finish} from another", "deploy", "before", act, loaded=False)


def _deploy_after_renewal(ground: Ground) -> None:
    """Nobody who has the lease is listened to on that host, until its token is renewed."""
    ground.node(*WORDS["deploy"]).expecting(_UNCHANGED)
    ground.node(*_RENEW).expecting(0)
    ground.node(*WORDS["deploy"]).expecting(0)


def raise_token(host: LabHost) -> None:
    """As a control node with a newer lease would: through the guard's own door."""
    record = json.loads(host.run(("cat", "/var/lib/clmdeploy/host.json")).stdout)
    newest = json.loads(host.run(("cat", "/var/lib/clmdeploy/tokens.json")).stdout)["fleet"]
    request = {"environment": record["environment"], "host": host.name, "scope": "fleet", "token": newest + _AHEAD}
    reply = json.loads(host.run((_GUARD, "fence"), input=json.dumps(request)).stdout)
    assert reply["status"] == "done", f"{host.name}: {reply}"


def _units(host: LabHost) -> list[str]:
    """Acts that run on the host."""
    listed = host.run(("systemctl", "list-units", "--plain", "--no-legend", "clm-2*.service")).stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


FAMILY = Family("fencing", cases)
