"""Backups that run by themselves, on real hosts: timers, kills, power loss, overlaps, misses, and what people are told.

One story, in this order: each test leaves the schedule installed and well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from botocore.exceptions import ClientError

from clmdeploy.lab import Lab
from clmdeploy.lab.facts import DEPLOY_USER, RELEASE_BUCKET, STATE_BUCKET, LabFacts
from clmdeploy.lab.state import STATE, LabDirectory
from clmdeploy.lab.storage import StorageAccess
from tests.lab.backups.wheelhouse import wheelhouse
from tests.lab.command_line import CommandLine, Ran
from tests.mail_server import Letter, Mailbox, mail_server

pytestmark = [pytest.mark.timeout(1200), pytest.mark.full]
TO = ["duty@example.com"]
DEADLINE = 20  # seconds that a run waits for another to end
INCREMENT = "clm-schedule-backup-incr.service"
METRICS = "/var/lib/prometheus/node-exporter/clm_schedule.prom"
MOST_EXPOSED = 2.0  # systemd-analyze security: 0 is best, 10 is worst


@dataclass(frozen=True)
class Scheduled:
    """An environment with a schedule on its backup host, seen from outside."""

    lab: Lab
    clmdeploy: CommandLine
    home: Path
    mailbox: Mailbox

    def declare(self, **schedule: Any) -> None:
        """What clm.yml says of times; None: nothing."""
        settings = yaml.safe_load((self.home / "clm.yml").read_text())
        known = settings["backup"]["schedule"] | schedule
        settings["backup"]["schedule"] = {key: value for key, value in known.items() if value is not None}
        (self.home / "clm.yml").write_text(yaml.safe_dump(settings, sort_keys=False))

    def install(self) -> Ran:
        words = ("schedule", "install", "-e", "lab", "--yes", "--wheelhouse", str(wheelhouse()))
        return self.clmdeploy(*words).expecting(0)

    def shell(self, script: str, *, check: bool = True, timeout: float = 120) -> str:
        return self.lab.host("backup1").run(("bash", "-c", script), check=check, timeout=timeout).stdout

    def jobs(self) -> dict[str, dict[str, Any]]:
        ran = self.clmdeploy("schedule", "list", "-e", "lab", "--json")
        assert ran.code in (0, 10), ran.said
        return {one["job"]: one for one in ran.json["jobs"]}

    def metric(self, name: str, job: str) -> float:
        found = re.search(rf'^{name}{{environment="lab",job="{job}"}} (\S+)$', self.shell(f"cat {METRICS}"), re.M)
        assert found is not None, f"no {name} of {job}"
        return float(found[1])

    def points(self) -> list[str]:
        listed = self.clmdeploy("backup", "list", "-e", "lab", "--json").expecting(0).json["points"]
        return [one["id"] for one in listed]

    def start(self) -> None:
        """As the timer does, without waiting."""
        self.shell(f"systemctl start --no-block {INCREMENT}")

    def state(self) -> str:
        return self.shell(f"systemctl show --property=ActiveState --value {INCREMENT}").strip()

    def ended(self) -> None:
        """Once the run and what comes after it are over."""
        wait_for(lambda: self.state() in ("inactive", "failed"), 180)

    def amid(self, step: str) -> None:
        """Start a run, and come back once that step of its change is at work."""
        self.shell("date +%s > /run/asked")
        self.start()
        log = f"journalctl --unit={INCREMENT} --since=@$(cat /run/asked) --output=cat"
        wait_for(lambda: re.search(rf"{step}.* \.\.\.$", self.shell(log), re.M) is not None, 120)

    def succeeds(self) -> None:
        """The next run, without a hand laid on anything."""
        before = self.points()
        self.start()
        self.ended()
        assert self.shell(f"systemctl show --property=Result --value {INCREMENT}").strip() == "success"
        assert len(self.points()) == len(before) + 1
        assert self.metric("clm_schedule_last_result", "backup-incr") == 1

    def letter(self, before: int) -> Letter:
        """The one that came since."""
        letters = self.mailbox.awaited(before + 1, 90)
        assert len(letters) == before + 1
        assert letters[-1].recipients == tuple(TO)
        return letters[-1]


@pytest.fixture(scope="module")
def scheduled(lab: Lab, clmdeploy: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Backups set up, keys of the jobs' own made and made known, and the schedule installed."""
    place = tmp_path_factory.mktemp("scheduled")
    home = shutil.copytree(lab.inventories, place / "inventories") / "lab"
    own_keys(lab, home)
    gateway = lab.host("backup1").address.rpartition(".")[0] + ".1"
    with mail_server(place / "mail", "none", address=gateway) as mailbox:
        describe(home, {"host": gateway, "port": mailbox.port})
        command = CommandLine({**clmdeploy.environ, "CLM_INVENTORIES": str(home.parent)})
        command("host", "setup", "-e", "lab", "--yes", "--limit", "app,worker,lb,db,backup").expecting(0)
        command("backup", "setup", "-e", "lab", "--yes").expecting(0)
        made = Scheduled(lab, command, home, mailbox)
        made.install()
        yield made


def own_keys(lab: Lab, home: Path) -> None:
    """A signing key that may sign neither releases nor approvals; an SSH key for the backup host's address and for the
    guard alone; a storage key with the policy of docs/schedule.md and nothing else.
    """
    access = StorageAccess.schedule(LabFacts.of(LabDirectory(STATE / lab.name)))
    for name, value in (("access", access.access_key), ("secret", access.secret_key.reveal())):
        path = home / "secrets" / f"schedule-{name}-key"
        path.touch(mode=0o600)
        path.write_text(f"{value}\n")
    for name in ("schedule-signing-key", "schedule-ssh-key"):
        path = home / "secrets" / name
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)), check=True, timeout=30)
    public = " ".join((home / "secrets" / "schedule-signing-key.pub").read_text().split()[:2])
    with (home / "allowed_signers").open("a") as file:
        file.write(f'schedule@lab namespaces="clmdeploy.plan,clmdeploy.journal,clmdeploy.point" {public}\n')
    key = (home / "secrets" / "schedule-ssh-key.pub").read_text().strip()
    forced = 'command="sudo -n /usr/local/lib/clmdeploy/guard \\"${SSH_ORIGINAL_COMMAND##* }\\""'
    line = f'restrict,from="{lab.host("backup1").address}",{forced} {key}'
    hosts = yaml.safe_load((home / "hosts.yml").read_text())["all"]["children"]
    for name in (name for group in hosts.values() for name in group["hosts"]):
        lab.host(name).run(("bash", "-c", f"cat >> ~{DEPLOY_USER}/.ssh/authorized_keys"), f"{line}\n")


def describe(home: Path, mail: dict[str, Any]) -> None:
    keys = {"signing_key": "schedule-signing-key", "ssh_key": "schedule-ssh-key",
            "access_key": "schedule-access-key", "secret_key": "schedule-secret-key"}  # fmt: skip
    settings = yaml.safe_load((home / "clm.yml").read_text())
    settings["notify"] = {"mail": {**mail, "security": "none", "sender": "clm@example.com", "to": TO}}
    settings["lease"] = {"time_to_live": 10}
    settings["backup"]["retention"] = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
    settings["backup"]["schedule"] = {
        "backup": [{"type": "full", "at": "Sun 02:00"}, {"type": "incr", "at": "Mon..Sat 02:00"}],
        "verify": "*-*-* 05:00", "expire": "*-*-* 06:30", "random_delay": 0, "deadline": DEADLINE,
        "keys": {"principal": "schedule@lab", **{name: {"file": f"secrets/{file}"} for name, file in keys.items()}},
    }  # fmt: skip
    (home / "clm.yml").write_text(yaml.safe_dump(settings, sort_keys=False))


def wait_for(answer: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not answer():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.5)


def soon(seconds: float) -> tuple[str, float]:
    """A moment of the hosts' day at least that far off, and when it is."""
    at = (datetime.now(UTC) + timedelta(seconds=seconds + 60)).replace(second=0, microsecond=0)
    return f"{at:%H:%M}:00 UTC", at.timestamp()


def moment(at: float) -> str:
    """As `schedule list --json` writes it."""
    return datetime.fromtimestamp(at, ZoneInfo("Europe/Moscow")).isoformat(timespec="seconds")


def test_nothing_but_its_own_keys_is_on_the_backup_host(scheduled: Scheduled) -> None:
    """Neither the operator's signing key nor their SSH key, nor a reference to where they keep them; root owns it."""
    body = (scheduled.home / "secrets" / "signing-key").read_text().splitlines()[3]
    assert scheduled.shell(f"grep -rlF -e {body} /etc /var/lib/clm-schedule /opt/clmdeploy || true") == ""
    assert scheduled.shell("find /opt/clmdeploy -not -user root | head") == ""
    assert scheduled.shell("find /etc/clm-schedule -type f -path '*/secrets/*' -not -perm 0400 | head") == ""
    assert "secrets/signing-key" in scheduled.shell("cat /etc/clm-schedule/inventories/lab/clm.yml")


def test_a_second_installation_changes_nothing(scheduled: Scheduled) -> None:
    """All is as declared, and `schedule list` says so."""
    ran = scheduled.clmdeploy(
        "schedule", "install", "-e", "lab", "--json", "--wheelhouse", str(wheelhouse())
    ).expecting(0)
    assert ran.json["state"] == "nothing-to-do"
    listed = scheduled.clmdeploy("schedule", "list", "-e", "lab", "--json").expecting(0).json
    assert (listed["well"], listed["differs"]) == (True, [])
    assert {one["state"] for one in listed["jobs"]} == {"waiting"}


@pytest.mark.parametrize("job", ["backup-full", "verify", "expire", "check"])
def test_units_are_hardened(scheduled: Scheduled, job: str) -> None:
    """By systemd's own measure."""
    said = scheduled.shell(f"systemd-analyze security --no-pager clm-schedule-{job}.service | tail -1", check=False)
    found = re.search(r"(\d+\.\d)", said)
    assert found is not None, said
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("job", ["backup-full", "verify", "expire"])
def test_every_job_runs_well_in_its_unit(scheduled: Scheduled, job: str) -> None:
    """Unattended, in its sandbox, with keys of its own; nothing asks for what nobody is there to say."""
    said = scheduled.shell(f"systemctl start clm-schedule-{job} || journalctl -u clm-schedule-{job} -n 20", timeout=300)
    assert said == ""
    assert scheduled.jobs()[job]["last"]["result"] == "done"


def test_expiry_removes_points_though_it_must_name_its_environment(scheduled: Scheduled) -> None:
    """What can't be taken back asks for the name, which nobody is there to type: the job brings it along."""
    scheduled.shell("systemctl start clm-schedule-backup-full", timeout=300)
    scheduled.shell("systemctl start clm-schedule-verify", timeout=300)  # the newest that was read back stays
    before = scheduled.points()
    assert len(before) > 1
    asked = scheduled.clmdeploy("backup", "expire", "-e", "lab", "--yes")
    assert asked.code == 2, asked.said
    said = scheduled.shell(
        "systemctl start clm-schedule-expire || journalctl -u clm-schedule-expire -n 20", timeout=300
    )
    assert said == ""
    assert scheduled.points() == before[:1]


def test_the_keys_do_what_the_jobs_must_and_no_more(scheduled: Scheduled) -> None:
    """On every host the SSH key reaches the guard and gives no shell; the storage key can't delete."""
    home, names = "/etc/clm-schedule/inventories/lab", ("app1", "db1", "lb1")
    for name in names:
        target = f"{DEPLOY_USER}@{scheduled.lab.host(name).address}"
        options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        ssh = f"runuser -u clm-schedule -- ssh {options} -i {home}/secrets/ssh-key {target}"
        for word in ("id", "'sudo -n /usr/local/lib/clmdeploy/guard ask; id'"):
            said = scheduled.shell(f"{ssh} {word} </dev/null 2>&1", check=False)
            assert "uid=" not in said
            assert "Permission denied" not in said
    facts = LabFacts.of(LabDirectory(STATE / scheduled.lab.name))
    client = StorageAccess.schedule(facts).client()
    for bucket in (STATE_BUCKET, RELEASE_BUCKET):
        key = StorageAccess.admin(facts).client().list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_object(Bucket=RELEASE_BUCKET, Key="clmdeploy/other", Body=b"x")


def test_a_timer_fires_by_itself_after_a_reboot(scheduled: Scheduled) -> None:
    """The backup host reboots before its time comes; then a restore point is there, and metrics tell of it."""
    at, when = soon(75)
    scheduled.declare(backup=[{"type": "full", "at": at}, {"type": "incr", "at": "Mon..Sat 02:00"}])
    scheduled.install()
    scheduled.lab.host("backup1").reboot()
    assert time.time() < when - 5, "the reboot took too long for this test"
    before = scheduled.points()
    wait_for(lambda: (scheduled.jobs()["backup-full"]["last_success"] or "") >= moment(when), when - time.time() + 120)
    started = datetime.fromisoformat(scheduled.jobs()["backup-full"]["last"]["started"]).timestamp()
    assert when <= started <= when + 15
    assert len(scheduled.points()) == len(before) + 1
    wait_for(lambda: scheduled.metric("clm_schedule_running", "backup-full") == 0, 30)
    assert scheduled.metric("clm_schedule_last_success_timestamp_seconds", "backup-full") >= when
    scheduled.declare(backup=[{"type": "full", "at": "Sun 02:00"}, {"type": "incr", "at": "Mon..Sat 02:00"}])
    scheduled.install()


def test_a_killed_run_shows_in_metrics_and_mail_and_the_next_succeeds(scheduled: Scheduled) -> None:
    """SIGKILL of its main process in the middle of the change: half a point is never listed."""
    before, letters = scheduled.points(), len(scheduled.mailbox.letters())
    scheduled.amid("Back up the database")
    scheduled.shell(f"kill -KILL $(systemctl show --property=MainPID --value {INCREMENT})")
    letter = scheduled.letter(letters)
    assert "was killed (signal, killed, KILL)" in letter.text
    assert re.search(r"Change: \d{8}-\d{9}-backup-", letter.text)
    scheduled.ended()
    assert scheduled.metric("clm_schedule_last_result", "backup-incr") == 0
    assert scheduled.metric("clm_schedule_last_exit_code", "backup-incr") == 1
    assert scheduled.points() == before
    assert scheduled.clmdeploy("schedule", "list", "-e", "lab").code == 10
    scheduled.succeeds()
    assert len(scheduled.mailbox.letters()) == letters + 1


def test_a_run_that_goes_down_with_its_host_is_found_after_the_boot(scheduled: Scheduled) -> None:
    """Power loss: nobody could say anything. The check does, and the next run succeeds."""
    before, letters = scheduled.points(), len(scheduled.mailbox.letters())
    scheduled.amid("Back up the database")
    scheduled.lab.host("backup1").kill()
    scheduled.lab.host("backup1").start()
    scheduled.shell("systemctl start clm-schedule-check.service", check=False)
    letter = scheduled.letter(letters)
    assert "went down with its host" in letter.text
    assert scheduled.jobs()["backup-incr"]["last"]["result"] == "lost"
    assert scheduled.metric("clm_schedule_last_result", "backup-incr") == 0
    assert scheduled.points() == before
    scheduled.succeeds()


def test_a_run_waits_for_whoever_is_at_work(scheduled: Scheduled) -> None:
    """It begins as soon as the data is free again."""
    before = scheduled.points()
    scheduled.clmdeploy("lease", "hold", "-e", "lab", "--scope", "data", "--reason", "a test").expecting(0)
    scheduled.start()
    time.sleep(DEADLINE / 2)
    assert scheduled.state() == "activating"
    scheduled.clmdeploy("lease", "release", "-e", "lab", "--scope", "data").expecting(0)
    scheduled.ended()
    assert len(scheduled.points()) == len(before) + 1


def test_a_run_that_waited_in_vain_says_so(scheduled: Scheduled) -> None:
    """At its deadline: exit code 6, in the unit, in the metrics and in a mail."""
    letters = len(scheduled.mailbox.letters())
    scheduled.clmdeploy("lease", "hold", "-e", "lab", "--scope", "data", "--reason", "a test").expecting(0)
    scheduled.start()
    scheduled.ended()
    scheduled.clmdeploy("lease", "release", "-e", "lab", "--scope", "data").expecting(0)
    assert scheduled.shell(f"systemctl show --property=ExecMainStatus --value {INCREMENT}").strip() == "6"
    assert scheduled.metric("clm_schedule_last_exit_code", "backup-incr") == 6
    assert "a test" in scheduled.letter(letters).text
    scheduled.succeeds()


def test_a_missed_run_is_told_and_not_made_up_for(scheduled: Scheduled) -> None:
    """The host is off when the time comes: a mail, a counter, `schedule list`, an exit code; and no run."""
    at, when = soon(15)
    scheduled.declare(verify=at)
    scheduled.install()
    letters = len(scheduled.mailbox.letters())
    scheduled.lab.host("backup1").kill()
    wait_for(lambda: time.time() > when + 5, 180)
    scheduled.lab.host("backup1").start()
    wait_for(lambda: time.time() > when + 70, 180)  # before, the run could be about to begin
    check = "systemctl start clm-schedule-check.service; systemctl show -P ExecMainStatus clm-schedule-check"
    assert scheduled.shell(check, check=False).strip() == "10"
    assert "no run began" in scheduled.letter(letters).text
    assert scheduled.metric("clm_schedule_missed_total", "verify") == 1
    job = scheduled.jobs()["verify"]
    assert (job["missed"], job["well"]) == (1, False)
    assert job["last"]["started"] < moment(when)
    assert job["misses"][0]["why"] == "absent"
    assert scheduled.clmdeploy("schedule", "list", "-e", "lab").code == 10
    scheduled.shell("systemctl start clm-schedule-check.service")
    assert len(scheduled.mailbox.letters()) == letters + 1


def test_what_is_declared_no_more_goes(scheduled: Scheduled) -> None:
    """`schedule list` names the drift first."""
    scheduled.declare(verify=None)
    listed = scheduled.clmdeploy("schedule", "list", "-e", "lab", "--json")
    assert "file /etc/systemd/system/clm-schedule-verify.timer" in listed.json["differs"]
    scheduled.install()
    assert scheduled.shell("systemctl list-unit-files --no-legend 'clm-schedule-verify*'", check=False) == ""


def test_removal_takes_everything_along(scheduled: Scheduled) -> None:
    """Units, inventory, program, account, and every copy of the keys."""
    key = (scheduled.home / "secrets" / "schedule-ssh-key").read_text().splitlines()[3]
    scheduled.clmdeploy("schedule", "remove", "-e", "lab", "--confirm", "lab").expecting(0)
    assert (
        scheduled.shell("ls -d /etc/clm-schedule /var/lib/clm-schedule /opt/clmdeploy 2>/dev/null", check=False) == ""
    )
    assert scheduled.shell("ls /etc/systemd/system | grep clm-schedule", check=False) == ""
    assert scheduled.shell("id clm-schedule 2>/dev/null", check=False) == ""
    assert scheduled.shell(f"grep -rlF -e '{key}' /etc /var /opt /root 2>/dev/null", check=False) == ""
    again = scheduled.clmdeploy("schedule", "remove", "-e", "lab", "--json").expecting(0)
    assert again.json["state"] == "nothing-to-do"
