"""What `status` says of backups: whether the log is archived, and the newest restore point."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import AwareDatetime

from clmdeploy.model.errors import ClmError
from clmdeploy.model.value import Text, Value
from clmdeploy.queries.points import Points
from clmdeploy.queries.wal import Archiving


class LastPoint(Value):
    """The newest restore point. `verified`: when all of it was read back well."""

    id: str
    completed: AwareDatetime
    verified: AwareDatetime | None = None
    faults: tuple[Text, ...] = ()


class Safety(Value):
    """Of an environment whose clm.yml describes backups."""

    archiving: Archiving | None = None
    """None where dumps are made, which need no log"""
    last_point: LastPoint | None = None
    fault: Text = ""
    """why the restore points could not be asked"""


def safety_status(look: Callable[[], Archiving] | None, points: Callable[[], Points] | None) -> Safety:
    """`look`: None where there is no log to be archived; `points`: None where the state bucket is out of reach."""
    archiving = look() if look is not None else None
    if points is None:
        return Safety(archiving=archiving)
    try:
        newest = next(iter(points().points), None)
    except ClmError as error:
        return Safety(archiving=archiving, fault=error.message)
    if newest is None:
        return Safety(archiving=archiving)
    last = LastPoint(
        id=newest.point.id, completed=newest.point.completed, verified=newest.verified, faults=newest.faults
    )
    return Safety(archiving=archiving, last_point=last)


def next_for_archiving(environment: str, archiving: Archiving, service: str) -> str | None:
    """What to type, without the program's name: to see why the log does not come, or to set archiving up again."""
    if archiving.state == "off" or (archiving.state == "stalled" and archiving.archived > archiving.stored):
        return f"backup setup -e {environment}"
    return f"host logs {archiving.primary} {service} -e {environment}" if archiving.state == "stalled" else None
