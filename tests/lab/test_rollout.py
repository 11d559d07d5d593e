"""Releases roll out and back on real hosts: what users, database and balancer see of it, asked from outside."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clmdeploy.lab.demo.report import Measurement
from clmdeploy.lab.demo.traffic import Traffic
from clmdeploy.lab.sample import write_release
from tests.lab.command_line import Ran, publish
from tests.lab.fleet import AT_ONCE, MEMBERS, NO_RESTORE_POINT, SUBSCRIBERS, Fleet

pytestmark = pytest.mark.timeout(900)
RATE = 80.0  # requests a second


@pytest.fixture
def measured() -> list[Measurement]:
    """What the users saw."""
    return []


@pytest.fixture
def traffic(fleet: Fleet) -> Traffic:
    """Users of the service, through the balancer."""
    return Traffic(fleet.lab, RATE, SUBSCRIBERS)


def test_releases_roll_out_under_load(fleet: Fleet, traffic: Traffic, measured: list[Measurement]) -> None:
    """1.0.0 → 1.1.0 → 1.2.0 host by host: no request fails, and every acknowledged write is there exactly once."""
    fleet.bring_to("1.0.0")
    with traffic.flowing("rollout", measured.append):
        fleet.clmdeploy("deploy", "1.1.0", "-e", "lab", "--yes", "--soak", "1", *NO_RESTORE_POINT).expecting(0)
        fleet.clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes", "--soak", "1").expecting(0)
    (users,) = measured
    assert (users.failed, users.reasons) == (0, {})
    assert users.writes > 100
    assert users.exact
    assert users.versions == ("1.0.0", "1.1.0", "1.2.0")
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")
    assert not fleet.drained


def test_without_draining_requests_do_fail(
    fleet: Fleet, traffic: Traffic, measured: list[Measurement], tmp_path: Path
) -> None:
    """The control: the same switch of one host, not drained, fails requests, and the measurement tells."""
    fleet.bring_to("1.2.0")
    copy = inventories_without_drain(fleet, tmp_path / "inventories")
    with traffic.flowing("control", measured.append):
        words = ("rollback", "--to", "1.1.0", "-e", "lab", "--limit", "app1", "--yes")
        fleet.clmdeploy("--inventories", str(copy), *words).expecting(0)
    assert measured[0].failed > 0


def test_a_rollback_is_one_command(fleet: Fleet, traffic: Traffic, measured: list[Measurement]) -> None:
    """`rollback` without a version goes back to what ran before, host by host: no request fails."""
    fleet.bring_to("1.2.0")
    before = fleet.before()
    with traffic.flowing("rollback", measured.append):
        fleet.clmdeploy("rollback", "-e", "lab", "--yes", "--soak", "0").expecting(0)
    assert (measured[0].failed, measured[0].reasons) == (0, {})
    assert fleet.releases == dict.fromkeys(MEMBERS, before)
    assert not fleet.drained


def test_a_release_that_is_not_well_takes_itself_back(
    fleet: Fleet, traffic: Traffic, measured: list[Measurement]
) -> None:
    """1.3.0 fails its health check on the canary: exit code 4, three lines, all is as it was, and no user saw it."""
    fleet.bring_to("1.2.0")
    with traffic.flowing("1.3.0", measured.append):
        ran = fleet.clmdeploy("deploy", "1.3.0", "-e", "lab", "--yes").expecting(4)
    assert (measured[0].failed, measured[0].versions) == (0, ("1.2.0",))
    assert three_lines(ran)[0].startswith("Runs now: 1.2.0")
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")
    assert not fleet.drained
    assert not fleet.lease()["held"]
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)


def test_a_migration_that_fails_half_way_is_taken_back(fleet: Fleet) -> None:
    """1.4.0: exit code 4, three lines; the schema is what it was, not dirty, and no host was switched."""
    fleet.bring_to("1.2.0")
    schema, columns = fleet.schema(), fleet.columns("tariffs")
    ran = fleet.clmdeploy("deploy", "1.4.0", "-e", "lab", "--yes", *NO_RESTORE_POINT).expecting(4)
    assert "tariffs_name_key" in ran.said, "the database's own words are told"
    assert three_lines(ran)
    assert (fleet.schema(), fleet.columns("tariffs")) == (schema, columns)
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")


def inventories_without_drain(fleet: Fleet, copy: Path) -> Path:
    """The inventories less all that they say of a balancer."""
    shutil.copytree(fleet.lab.inventories, copy)
    file = copy / "lab" / "clm.yml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    del settings["balancer"]
    file.write_text(yaml.safe_dump(settings), "utf-8")
    return copy


@pytest.fixture
def irreversible_release(fleet: Fleet, tmp_path: Path) -> Iterator[str]:
    """1.4.1: as 1.4.0, but it declares its migration, which fails half-way, irreversible. Mended by hand after."""
    source = write_release("1.4.0", tmp_path / "source")
    manifest = yaml.safe_load((source / "release.yml").read_text("utf-8"))
    manifest["version"] = "1.4.1"
    manifest["schema"]["migrations"][-1]["revert"] = "irreversible"
    (source / "release.yml").write_text(yaml.safe_dump(manifest, allow_unicode=True), "utf-8")
    release = source / "clm" / "release.py"
    release.write_text(release.read_text("utf-8").replace("1.4.0", "1.4.1"), "utf-8")
    publish(fleet.clmdeploy, source, tmp_path / "bundles").expecting(0)
    yield "1.4.1"
    fleet.psql("DROP INDEX IF EXISTS tariffs_name_key; ALTER TABLE tariffs DROP COLUMN IF EXISTS billing_code")
    fleet.psql("DELETE FROM schema_history WHERE version = 3")


def test_what_cannot_be_taken_back_is_told(fleet: Fleet, irreversible_release: str) -> None:
    """A half-done migration without a revert: exit code 5, and three lines that say what is dirty and what to do."""
    fleet.bring_to("1.2.0")
    ran = fleet.clmdeploy("deploy", irreversible_release, "-e", "lab", "--yes", *NO_RESTORE_POINT).expecting(5)
    assert "3|t" in fleet.schema()
    assert "the schema is marked dirty after version 2" in three_lines(ran)[1]
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")


@pytest.fixture
def contracted(fleet: Fleet) -> Iterator[None]:
    """2.0.0 runs; afterwards the database is restored from a dump, as an administrator would, and 1.2.0 runs again."""
    fleet.bring_to("1.2.0")
    dump = fleet.lab.host("db1").run(("runuser", "-u", "postgres", "--", "pg_dump", "clm")).stdout
    fleet.clmdeploy("deploy", "2.0.0", "-e", "lab", "--confirm", "lab", *AT_ONCE, *NO_RESTORE_POINT).expecting(0)
    yield
    fleet.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION clm")
    fleet.psql(dump)
    fleet.bring_to("1.2.0")


@pytest.mark.usefixtures("contracted")
def test_no_way_back_without_a_restore_is_refused(fleet: Fleet) -> None:
    """Back from 2.0.0: verdict "needs restore", what is missing is named, exit code 4, and nothing is touched."""
    with fleet.untouched():
        ran = fleet.clmdeploy("rollback", "--to", "1.2.0", "-e", "lab", "--yes").expecting(4)
    assert "needs restore" in ran.said
    assert "migration 5" in ran.said
    assert "restore point" in ran.said.lower()
    assert fleet.releases == dict.fromkeys(MEMBERS, "2.0.0")


def test_what_runs_already_is_not_deployed_again(fleet: Fleet) -> None:
    """A second `deploy` of what runs: exit code 0, no change in the journal, no file and no service touched."""
    fleet.bring_to("1.2.0")
    with fleet.untouched():
        ran = fleet.clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes", "--json").expecting(0)
    assert ran.json["state"] == "nothing-to-do"


def test_a_host_that_vanishes_stops_the_rollout(fleet: Fleet) -> None:
    """app2 is cut off after the canary: no further batch begins, it is named, and the others are taken back.

    Once it answers again, one `change abort` settles what it owes.
    """
    fleet.bring_to("1.1.0")
    with healed(fleet, "app2"):
        words = ("deploy", "1.2.0", "-e", "lab", "--yes", "--soak", "1", "--on-failure", "take-back-all")
        code, events = cut_at(fleet, "batch-1-switch", "app2", words)
        assert code == 5
        begun = {event["step"] for event in events if event["event"] == "step-started"}
        assert "batch-1-switch" in begun
        assert not {step for step in begun if step.startswith(("batch-2", "batch-3"))}
        ending = events[-1]
        assert {failure["host"] for failure in ending["failures"]} == {"app2"}
        assert ending["owed"] == ["app2"]
        assert set(fleet.releases_of("app1", "app3", "worker1").values()) == {"1.1.0"}
    refused = fleet.clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes").expecting(9)
    assert "app2" in refused.said
    fleet.clmdeploy("change", "abort", "-e", "lab").expecting(0)
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.1.0")
    assert not fleet.drained
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)


def cut_at(fleet: Fleet, step: str, host: str, words: tuple[str, ...]) -> tuple[int, list[dict[str, object]]]:
    """Run a command with `--events`, and pull the cable of `host` when `step` begins."""
    process = fleet.clmdeploy.started(*words, "--events")
    events = []
    assert process.stdout is not None
    for line in process.stdout:
        events.append(json.loads(line))
        if (events[-1]["event"], events[-1].get("step")) == ("step-started", step):
            fleet.lab.host(host).cut()
    return process.wait(60), events


@contextlib.contextmanager
def healed(fleet: Fleet, host: str) -> Iterator[None]:
    """Plug the cable in again, whatever happened."""
    try:
        yield
    finally:
        fleet.lab.host(host).heal()


def three_lines(ran: Ran) -> list[str]:
    """The end of a failure: what runs where now, is it safe, the exact next command."""
    lines = ran.stderr.strip().splitlines()[-3:]
    assert [line.partition(":")[0] for line in lines] == ["Runs now", "Safe", "Next"]
    return lines
