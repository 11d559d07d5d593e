"""Which release ran at a moment: the base point may have been made before a deploy that the moment is after."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from clmdeploy.backups.point import RestorePoint
from clmdeploy.changes.guarded import Outcome
from clmdeploy.model.errors import NothingChanged
from clmdeploy.queries.moment_release import release_at
from tests.unit.backups.conftest import make_point
from tests.unit.changes.conftest import NEW, OLD, Stage, make_plan, prepared


def base(stage: Stage) -> RestorePoint:
    """Made right before, of the release that ran then."""
    document = make_point(stage.clock.now() - timedelta(hours=1)).model_dump(mode="json")
    return RestorePoint.model_validate(document | {"completed": stage.clock.now().isoformat(), "release": OLD})


@pytest.fixture
def deployed() -> tuple[Stage, RestorePoint, datetime]:
    """A point, an hour, a deploy, another hour."""
    stage = prepared(Stage())
    made = base(stage)
    stage.clock.seconds += 3600
    began = stage.clock.now()
    assert stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0).state == "done"
    stage.clock.seconds += 3600
    return stage, made, began


def test_what_was_deployed_in_between_is_what_ran(deployed: tuple[Stage, RestorePoint, datetime]) -> None:
    """After it the new release, before it the point's own; at the end of the log what was deployed last."""
    stage, made, began = deployed
    assert release_at(stage.journal, made, stage.clock.now()) == NEW
    assert release_at(stage.journal, made, None) == NEW
    assert release_at(stage.journal, made, began - timedelta(minutes=30)) == OLD


def test_while_it_was_deployed_nobody_knows(deployed: tuple[Stage, RestorePoint, datetime]) -> None:
    """Between the migration and the switch neither release is the one; the database alone can still be had."""
    stage, made, began = deployed
    with pytest.raises(NothingChanged, match="c1") as refused:
        release_at(stage.journal, made, began)
    assert "--only db" in refused.value.hint


def test_a_deploy_that_ended_in_part_leaves_two_releases() -> None:
    """Which of them is meant, nobody can tell."""
    stage = prepared(Stage())
    made = base(stage)
    stage.clock.seconds += 60
    stage.hosts.before = lambda act: Outcome(status="failed", message="no") if act.act == "switch" else None
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    stage.clock.seconds += 3600
    assert stage.journal.ledger("c1").closed == "partly"
    with pytest.raises(NothingChanged, match="two releases"):
        release_at(stage.journal, made, stage.clock.now())


def test_a_restore_that_switched_nothing_leaves_no_doubt() -> None:
    """As one that only starts the workers again does, seconds before the moment."""
    stage = prepared(Stage())
    made = base(stage)
    stage.clock.seconds += 60
    plan = make_plan().model_copy(update={"kind": "restore", "from_release": NEW, "to_release": NEW})
    assert stage.conductor().begin("c1", stage.signed(plan), "why", 0).state == "done"
    assert release_at(stage.journal, made, stage.clock.now()) == NEW
