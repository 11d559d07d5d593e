"""What a notice of a scheduled run tells at night."""

from __future__ import annotations

from datetime import UTC, datetime

from clmdeploy.backups.marks import Mark
from clmdeploy.cli.schedule_notices import with_damage
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ExitCode
from clmdeploy.queries.aftermath import Aftermath

AT = datetime(2026, 2, 1, tzinfo=UTC)
SAID = Aftermath(change=None, state="not-begun", exit_code=ExitCode.VERIFICATION_FAILED, message="exit code 10")
FAULT = Bilingual("backup/clm/20260201-020000F/bundle/1: is not there", "backup/clm/20260201-020000F/bundle/1: нет")


def test_damage_that_was_found_is_named_with_the_points_it_spoils() -> None:
    """Which point is dead, which object did it, and what makes a good one: in both languages."""
    marks = [Mark(point="20260131-020000000-aaaa01", at=AT, verified=AT),
             Mark(point="20260201-020000000-bbbb01", at=AT, faults=(FAULT, "and more"))]  # fmt: skip
    told = with_damage(SAID, marks, "production")
    assert told is not None
    assert "20260201-020000000-bbbb01 can't be restored: backup/clm/20260201-020000F/bundle/1" in told.message
    assert "aaaa01" not in told.message
    assert "точку 20260201-020000000-bbbb01 восстановить нельзя" in russian(told.message)
    assert told.next == "backup create --type full -e production"


def test_many_spoiled_points_are_counted() -> None:
    """A letter stays one that somebody reads."""
    marks = [Mark(point=f"20260201-0200000{number:02}-bbbb01", at=AT, faults=(FAULT,)) for number in range(30)]
    told = with_damage(SAID, marks, "production")
    assert told is not None
    assert "30 points in all" in told.message
    assert len(told.message.splitlines()) == 12


def test_damage_that_spoils_no_point_is_told_as_before() -> None:
    """A second copy serves, or it is a gap in the log: the command says which."""
    assert with_damage(SAID, [Mark(point="20260131-020000000-aaaa01", at=AT, verified=AT)], "production") is None
