"""What `schedule list` and `schedule check` print for pipelines is what docs/json.md promises."""

from __future__ import annotations

from clmdeploy.backups.jobs import Job
from clmdeploy.backups.run_ledger import Run, RunLedger
from clmdeploy.cli.render.schedule import Shown, check_json, schedule_json
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.planners.schedule import ScheduleFacts
from clmdeploy.queries.scheduled import News
from tests.unit.cli.test_documented import documented

VERIFY = Job("verify", ("backup", "verify"), ("05:00",), is_change=False)
RUN = Run(id="a", started=1.0, ended=2.0, result="done", exit_code=0)
WELL = ScheduleFacts(units={"clm-schedule-verify.timer": {"ActiveState": "active"}}, programs=("1.0-abcdef01",))
LEDGERS = {"verify": RunLedger(job="verify", runs=(RUN,))}


def shown(*faults: Bilingual) -> Shown:
    return Shown("lab", "backup1", "Europe/Moscow", (VERIFY,), WELL, LEDGERS, faults)


def test_the_schedule_has_the_documented_keys() -> None:
    """Of the whole, and of each job."""
    told = schedule_json(shown())
    assert (told.keys(), told["format"]) == (documented("schedule/1"), "schedule/1")
    (job,) = told["jobs"]  # type: ignore[misc]  # a list of one
    assert job.keys() == documented("schedule/1.jobs")  # type: ignore[union-attr]  # a mapping


def test_a_check_has_the_documented_keys() -> None:
    """Whether it found something or not."""
    told = check_json("lab", [News("verify", RUN)])
    assert (told.keys(), told["format"]) == (documented("schedule-check/1"), "schedule-check/1")


def test_a_ledger_that_cannot_be_read_is_nothing_well() -> None:
    """Nobody knows what ran: a monitor must not take that for good."""
    assert shown().is_well
    assert not shown(Bilingual("broken", "сломан")).is_well
