"""The plan of an expiry: steps for what is to go, nothing for the rest; the first drop is the point of no return."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.point import Holding, RestorePoint
from clmdeploy.backups.repositories import Drops, LogKept
from clmdeploy.backups.retention import Verdicts
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host
from clmdeploy.planners.expire import Expiry, plan_expire
from tests.unit.backups.conftest import BEGIN, make_point
from tests.unit.cli.vault import BACKUP
from tests.unit.planners.conftest import SETTINGS

POINT = make_point(BEGIN)
LABEL, SNAPSHOT = POINT.own
LOG = LogKept(repository="clm", fulls=1, full="20260107-010203F", oldest={"7": "000000010000000000000020"})
SETTING = Environment.model_validate({**SETTINGS, "backup": BACKUP})


def layout() -> Layout:
    assert SETTING.backup is not None
    host = Host(name="backup1", address="192.0.2.9", groups=("backup",))
    return Layout(SETTING, SETTING.backup, Parties(host, (), ()))


def wish(*holdings: Holding, leaving: tuple[RestorePoint, ...] = (POINT,), **others: Any) -> Expiry:  # Any: fields
    verdicts = Verdicts(judgements=(), drops=Drops(holdings=holdings, logs=(LOG,)))
    known = {one.id: one for one in leaving}
    return replace(Expiry(layout(), verdicts, known, dict.fromkeys(known), {"settings": "0"}), **others)


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        (wish(leaving=()), []),
        (wish(LABEL, SNAPSHOT), ["begin", "files", "database", "listed", "log", "finish", "index"]),
        (wish(SNAPSHOT), ["begin", "files", "finish", "index"]),
        (wish(leaving=(), going=(POINT,)), ["finish", "index"]),
        (wish(LABEL, leaving=(), going=(POINT,)), ["database", "listed", "log", "finish", "index"]),
        (wish(leaving=(), surplus=("clm",)), ["listed", "log", "index"]),
        (wish(), ["begin", "finish", "index"]),
    ],
    ids=["nothing", "all", "files", "cut off at the end", "cut off before", "log alone", "others hold its bytes"],
)
def test_steps_are_those_that_are_needed(wanted: Expiry, steps: list[str]) -> None:
    """In the one order in which nobody rests on a point whose bytes are gone."""
    assert [step.id for step in plan_expire(wanted).steps] == steps


def test_the_first_drop_is_the_point_of_no_return() -> None:
    """Marks are taken back before it; it is told before anybody confirms."""
    plan = plan_expire(wish(LABEL, SNAPSHOT))
    assert {step.id: step.undo for step in plan.steps} == {
        "begin": "restore", "files": "irreversible", "database": "irreversible", "listed": "nothing",
        "log": "irreversible", "finish": "nothing", "index": "nothing",
    }  # fmt: skip
    assert plan.scope == "data"


def test_points_are_struck_off_once_all_of_their_own_is_gone() -> None:
    """What the finishing step waits for, by the results of the dropping ones; the change in between loses nothing."""
    plan = plan_expire(wish(LABEL, SNAPSHOT))
    finish = next(step.action for step in plan.steps if step.id == "finish")
    assert finish.arguments["points"] == {POINT.id: sorted(map(str, (LABEL, SNAPSHOT)))}
    assert getattr(finish, "uses", ()) == ("files", "database")


def test_each_repository_is_a_target_of_its_own() -> None:
    """One that fails is left out alone."""
    other = SNAPSHOT.model_copy(update={"repository": "app2"})
    plan = plan_expire(wish(SNAPSHOT, other))
    files = next(step for step in plan.steps if step.id == "files")
    assert [one.key for one in files.targets] == ["app1@backup1", "app2@backup1"]
    assert files.targets[1].arguments["address"].endswith("/clm-backups/restic/app2")


def test_the_same_facts_give_the_same_plan() -> None:
    """So that what is carried out is what was shown."""
    assert plan_expire(wish(LABEL)).digest == plan_expire(wish(LABEL)).digest
    pinned = wish(LABEL, standing={POINT.id: "other"})
    assert plan_expire(wish(LABEL)).digest != plan_expire(pinned).digest


def test_dumps_go_host_by_host() -> None:
    """On the backup host, which alone may delete; without keys in the plan."""
    dump = Holding(engine="pgdump", repository="db1", name="20261123-010203000-b7fc01")
    (drop,) = [step for step in plan_expire(wish(dump)).steps if step.id == "dumps"]
    assert drop.action.act == "pgdump-expire"
    (target,) = drop.targets
    assert (target.subject, target.arguments["labels"]) == ("db1", [dump.name])
    assert drop.undo == "irreversible"
