"""All engines have one interface; rates need no clock."""

from __future__ import annotations

import pytest

from clmdeploy.backups.engine import Engine, Meter, Progress
from clmdeploy.backups.pgbackrest import DatabaseBackup, Pgbackrest
from clmdeploy.backups.pgbackrest_backup import Backup
from clmdeploy.backups.pgbackrest_recovery import DatabaseRestore
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.restic_order import FilesBackup, FilesRestore
from clmdeploy.backups.restic_output import Snapshot


def test_engines_fit_the_interface() -> None:
    """mypy holds each to its orders; here each says what it can."""
    database: Engine[DatabaseBackup, DatabaseRestore, Backup] = Pgbackrest("clm", "/etc/pgbackrest/pgbackrest.conf")
    files: Engine[FilesBackup, FilesRestore, Snapshot] = Restic("rest:https://gate:8000/app1/", "app1", "/k", "/c")
    assert [one.name for one in (database, files)] == ["pgbackrest", "restic"]
    assert [one.capabilities.point_in_time for one in (database, files)] == [True, False]


@pytest.mark.parametrize(
    ("now", "progress", "rate", "remaining"),
    [
        (20.0, Progress(1100, 2100), 100.0, 10.0),
        (10.0, Progress(1100, 2100), 0.0, None),
        (20.0, Progress(50, 2100), 0.0, None),
        (20.0, Progress(1100, 0), 100.0, None),
        (20.0, Progress(3000, 2100), 290.0, 0.0),
    ],
)
def test_a_meter_tells_rate_and_rest(now: float, progress: Progress, rate: float, remaining: float | None) -> None:
    """From two looks; never below nothing."""
    meter = Meter(10.0, Progress(100, 2100))
    assert (meter.rate(now, progress), meter.remaining(now, progress)) == (rate, remaining)
