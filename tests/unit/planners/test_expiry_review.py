"""An expiry that was interrupted: what is needed by now is not dropped."""

from __future__ import annotations

import pytest

from clmdeploy.backups.point import Holding
from clmdeploy.backups.repositories import Drops, LogKept
from clmdeploy.backups.retention import Verdicts
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.plan import EngineCall, Plan, Step, Target, Verdict
from clmdeploy.model.hosts import Host
from clmdeploy.planners.expiry_review import overtaken

FULL, INCR, LATER = "20260101-010203F", "20260101-010203F_20260102-010203I", "20260103-010203F"


def held(label: str) -> Holding:
    return Holding(engine="pgbackrest", repository="clm", name=label)


def ledger() -> Ledger:
    """Two backups are to go, then the log before the later full one."""
    steps = [
        Step(id=name, stage=name, title=name, undo="irreversible", action=EngineCall(act=act), timeout=10,
             targets=(Target(host="backup1", subject="clm", arguments={"repository": "clm", **more}),))
        for name, act, more in (
            ("database", "pgbackrest-expire", {"labels": [INCR, FULL]}),
            ("log", "pgbackrest-expire-wal", {"full": LATER}),
        )
    ]  # fmt: skip
    return Ledger(
        Plan(
            kind="expire", environment="lab", environment_id="e", application="clm", title="Expire", inputs={},
            hosts=(Host(name="backup1", address="192.0.2.1"),), steps=tuple(steps),
            verdict=Verdict(kind="safe", reason="r"),
        )
    )  # fmt: skip


def verdicts(*labels: str, full: str = LATER, halted: str = "") -> Verdicts:
    """These may go by now, and log before `full`."""
    log = LogKept(repository="clm", fulls=1, full=full, oldest={})
    drops = Drops(holdings=tuple(map(held, labels)), logs=(log,))
    return Verdicts(judgements=(), halted=(halted,) if halted else (), drops=drops)


@pytest.mark.parametrize(
    ("now", "there", "late"),
    [
        (verdicts(INCR, FULL), {INCR, FULL}, False),
        (verdicts(FULL), {FULL}, False),  # one had gone before the interruption
        (verdicts(INCR), {INCR, FULL}, True),  # something stands on the full one
        (verdicts(INCR, FULL, full="20260104-010203F"), {INCR, FULL}, False),
        (verdicts(INCR, FULL, full=FULL), {INCR, FULL}, True),  # log is needed from before
        (verdicts(INCR, FULL, halted="nothing is verified"), {INCR, FULL}, True),
    ],
)
def test_what_is_needed_by_now_is_told(now: Verdicts, there: set[str], late: bool) -> None:
    """By repository: the others go on."""
    assert overtaken(ledger(), {held(one) for one in there}, now) == ({"clm"} if late else set())


def test_dumps_that_go_still_go_and_what_is_unknown_is_no_engine() -> None:
    """They are no log: else an expiry of dumps could never be resumed."""
    found = ledger()
    steps = [one.model_copy(update={"action": EngineCall(act="pgdump-expire")}) for one in found.plan.steps[:1]]
    dumps = Ledger(found.plan.model_copy(update={"steps": tuple(steps)}))
    label = Holding(engine="pgdump", repository="clm", name=INCR)
    drops = Drops(holdings=(label,), logs=())
    assert overtaken(dumps, {label}, Verdicts(judgements=(), halted=(), drops=drops)) == frozenset()
