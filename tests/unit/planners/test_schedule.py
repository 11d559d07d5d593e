"""The schedule is planned from the backup host as it is."""

from __future__ import annotations

from typing import Any

from clmdeploy.backups.jobs import jobs_of
from clmdeploy.backups.schedule_units import Units
from clmdeploy.changes.plan import TaskCall
from clmdeploy.config.backup import Schedule
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host
from clmdeploy.planners.schedule import Program, ScheduleFacts, Wanted, above, plan_install, plan_removal
from tests.unit.config.test_backup import BACKUP
from tests.unit.planners.conftest import SETTINGS

SCHEDULE = Schedule.model_validate({"backup": [{"type": "full", "at": "Sun 02:00"}], "verify": "05:00"})
HOST = Host(name="backup1", address="192.0.2.9", groups=("backup",))
PROGRAM = Program("1.0-abcdef01", "clmdeploy/1.0-abcdef01/program.zip", 10, "f" * 64, offline=False)
KEYS = {"ssh-key": "backup.schedule.keys.ssh_key"}
STANDS = ScheduleFacts(units={"clm-schedule-verify.timer": {}}, programs=(PROGRAM.directory,))


def settings() -> Environment:
    section = {**BACKUP, "schedule": SCHEDULE.model_dump(mode="json")}
    return Environment.model_validate({**SETTINGS, "backup": section})


def wanted() -> Wanted:
    units = Units("lab", SCHEDULE, jobs_of(SCHEDULE), PROGRAM.directory)
    return Wanted(HOST, units, {"clm.yml": "a", "tls/ca.pem": "b", "notify/to-chat": "c"}, KEYS, "notify/to-chat")


def steps(**facts: Any) -> list[str]:
    found = STANDS.model_copy(update=facts)
    return [step.id for step in plan_install(wanted(), PROGRAM, found, {}, settings()).steps]


def test_where_everything_stands_nothing_is_done() -> None:
    """A second run is none."""
    assert steps() == []


def test_what_is_missing_is_done_in_order_and_tried_at_the_end() -> None:
    """Account before program, program before the units that run it."""
    assert steps(account=("account clm-schedule",), programs=(), configuration=("file x",)) == [
        "account", "program", "schedule", "trial",
    ]  # fmt: skip
    assert steps(configuration=("file x",)) == ["schedule", "trial"]


def test_keys_travel_by_reference_and_the_program_by_address() -> None:
    """Neither is in the plan, which is stored and journalled."""
    found = STANDS.model_copy(update={"programs": (), "configuration": ("file x",)})
    by_id = {step.id: step.action for step in plan_install(wanted(), PROGRAM, found, {}, settings()).steps}
    program, schedule = by_id["program"], by_id["schedule"]
    assert isinstance(program, TaskCall)
    assert isinstance(schedule, TaskCall)
    assert program.fetch == {"archive_url": PROGRAM.key}
    assert schedule.secrets == KEYS


def test_secrets_are_for_the_jobs_account_alone() -> None:
    """All else belongs to root; the one file that is run can be."""
    files = {one.path.rpartition("/lab/")[2]: one for one in wanted().configuration(STANDS).files}
    assert (files["secrets/ssh-key"].mode, files["secrets/ssh-key"].owner) == ("0400", "clm-schedule")
    assert {(files[name].mode, files[name].owner) for name in ("clm.yml", "tls/ca.pem")} == {("0640", "root")}
    assert files["notify/to-chat"].mode == "0750"
    directories = [one.path for one in wanted().configuration(STANDS).directories]
    assert "/etc/clm-schedule/inventories/lab/tls" in directories


def test_units_of_jobs_that_are_declared_no_more_go() -> None:
    """Their timers end before the files go; nothing else is touched."""
    stale = {"clm-schedule-expire.timer": {}, "clm-schedule-expire.service": {}}
    found = wanted().configuration(ScheduleFacts(units={**STANDS.units, **stale}))
    assert [unit.name for unit in found.units if unit.state == "absent"] == ["clm-schedule-expire.timer"]
    assert found.absent == tuple(f"/etc/systemd/system/{name}" for name in sorted(stale))


def test_a_directory_of_metrics_that_is_there_stays_as_it_is() -> None:
    """It is the node exporter's; only what is missing of it is made."""
    whole = above("/var/lib/prometheus/node-exporter")
    assert whole == ("/var", "/var/lib", "/var/lib/prometheus", "/var/lib/prometheus/node-exporter")

    def made(missing: tuple[str, ...]) -> list[str]:
        return [one.path for one in wanted().configuration(ScheduleFacts(missing=missing)).directories]

    assert not any("prometheus" in path for path in made(()))
    assert "/var/lib/prometheus/node-exporter" in made(whole[2:])
    assert "/var/lib" not in made(whole[2:])


def test_removal_has_no_way_back_and_nothing_to_do_where_nothing_is() -> None:
    """So it is asked about; the second time it does nothing."""
    (step,) = plan_removal(HOST, STANDS, {}, settings()).steps
    assert step.undo == "irreversible"
    gone = ScheduleFacts(missing=("/etc/clm-schedule", "/var/lib/clm-schedule"))
    assert plan_removal(HOST, gone, {}, settings()).steps == ()


def test_removal_names_no_directory_that_others_may_use() -> None:
    """/opt/clmdeploy may hold an administrator's own clmdeploy: programs go one by one, by their mark."""
    (step,) = plan_removal(HOST, STANDS, {}, settings()).steps
    assert isinstance(step.action, TaskCall)
    assert step.action.arguments["directories"] == ["/etc/clm-schedule", "/var/lib/clm-schedule"]
    left = ScheduleFacts(missing=("/etc/clm-schedule", "/var/lib/clm-schedule"), programs=(PROGRAM.directory,))
    assert plan_removal(HOST, left, {}, settings()).steps
