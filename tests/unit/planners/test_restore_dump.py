"""Restoring a dump: the server goes on running, one database in it is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.targets import to_point
from clmdeploy.config.backup import Backup
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.model.errors import NothingChanged
from clmdeploy.planners.backup import PointWish
from clmdeploy.planners.restore import plan_restore
from clmdeploy.planners.restore_wish import RestoreWish

from .test_restore import BACKUP, BACKUP1, DB1, DB2, SETTINGS_WITH_BACKUP, cluster, ids, point, wanting

DUMPING = Backup.model_validate(BACKUP | {"database": {"passphrase": {"env": "P"}, "engine": "pgdump"}})


def dump(host: str = "db1") -> RestorePoint:
    document = point().model_dump(mode="json")
    document["database"] |= {
        "engine": "pgdump", "type": "dump", "wal": None, "digest": "d" * 64, "repository": host,
        "label": document["id"],
    }  # fmt: skip
    return RestorePoint.model_validate(document)


def asked(made: RestorePoint, **more: Any) -> RestoreWish:  # Any: whatever differs
    usual = wanting()
    layout = Layout(SETTINGS_WITH_BACKUP, DUMPING, Parties(BACKUP1, (DB1, DB2), (DB1, DB2)))
    changes = {
        "choice": to_point(made), "until": "", "backup": DUMPING,
        "point": PointWish(layout, usual.point.facts, usual.point.inputs), **more,
    }  # fmt: skip
    return usual.model_copy(update=changes)


def test_the_server_runs_on() -> None:
    """Neither it nor its standbys are stopped; nobody connects until all is back."""
    plan = plan_restore(asked(dump()))
    steps = ids(plan)
    assert not {"stop-standbys", "stop-database", "recover", "standbys", "follow", "carry"} & set(steps)
    assert steps.index("restorable") < steps.index("close") < steps.index("database") < steps.index("open")
    (database,) = [step for step in plan.steps if step.id == "database"]
    assert (database.action.act, database.undo) == ("undump", "irreversible")
    assert database.action.arguments["digest"] == "d" * 64


def test_a_dump_of_another_host_is_carried_to_the_primary() -> None:
    """Through the gateway a host reads its own folder alone."""
    plan = plan_restore(asked(dump("db9")))
    (carry,) = [step for step in plan.steps if step.id == "carry"]
    assert [target.host for target in carry.targets] == ["backup1"]
    assert (carry.action.arguments["repository"], carry.action.arguments["to"]) == ("db9", "db1")


def test_there_must_be_room_for_both() -> None:
    """What stands now stays until all of the dump is back."""
    size = dump().database.size
    tight = (cluster(DB1, free=size, used=10**12), cluster(DB2, recovery=True))
    with pytest.raises(NothingChanged, match="db1: the database needs"):
        plan_restore(asked(dump(), clusters=tight))


def test_what_another_engine_has_made_is_refused() -> None:
    """With what to do: hosts are set up for one engine at a time."""
    with pytest.raises(NothingChanged, match=r"set backup\.database\.engine to pgbackrest, run clmdeploy backup setup"):
        plan_restore(asked(point(), until="0" * 24))
