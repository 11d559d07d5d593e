"""Backups and restores that are struck in the middle: nothing is lost, and the next run needs nobody's hand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from clmdeploy.lab import Lab
from tests.lab.backups.kit.generated import CONTENT, GeneratedSet, State
from tests.lab.backups.kit.tree import TINY_TREE
from tests.lab.command_line import CommandLine
from tests.lab.fleet import Fleet

pytestmark = pytest.mark.timeout(1800)
full = pytest.mark.full
DATA = "/var/lib/postgresql/17/main"
WAITING = ("--lease-wait", "300")
AWHILE = 20.0  # seconds of a storage that refuses
_REFUSE = "nft 'add table ip struck; add chain ip struck out { type filter hook output priority 0; }; \
add rule ip struck out tcp dport 8334 reject with tcp reset'"
_STRIKE = "for i in $(seq 600); do pkill -9 -x '%s' && exit; sleep 0.02; done"


@dataclass(frozen=True)
class Ground:
    """A set that is stored in a point, and what it was then."""

    kit: GeneratedSet
    run: CommandLine
    point: str
    before: State

    @property
    def lab(self) -> Lab:
        return self.kit.fleet.lab

    def begun(self, step: str, *words: str) -> subprocess.Popen[str]:
        """A command that has begun this step ("": that has told something)."""
        process = self.run.started(*words, "-e", "lab", "--events")
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line) if line.startswith("{") else {}
            if not step or (told.get("event") == "step-started" and told.get("step") == step):
                return process
        raise AssertionError(f"it ended before {step}")

    def restoring(self, step: str) -> subprocess.Popen[str]:
        """A restore of the point over harmed data."""
        self.kit.harm()
        return self.begun(step, "restore", self.point, "--confirm", "lab")

    def finish(self, process: subprocess.Popen[str]) -> None:
        """Whatever became of it: with one command more at most, all is as it was at the point."""
        said, _ = process.communicate(timeout=1200)
        if '"taken-back"' in said:  # it was struck before anything was touched
            self.run("restore", self.point, "-e", "lab", "--confirm", "lab", timeout=1200).expecting(0)
        elif process.returncode:
            resumed = self.run("change", "resume", "-e", "lab", timeout=1200)
            assert resumed.code == 0, f"{said[-3000:]}\n---\n{resumed.said}"
        assert self.kit.differences(self.before) == []

    def listed(self) -> list[str]:
        told = self.run("backup", "list", "-e", "lab", "--json").expecting(0).json
        assert told["faults"] == []
        return [one["id"] for one in told["points"]]


@pytest.fixture(scope="module")
def ground(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A small set in one point; a lease that is soon seen to be dead."""
    copy = tmp_path_factory.mktemp("attacks") / "inventories"
    shutil.copytree(fleet.clmdeploy.environ["CLM_INVENTORIES"], copy)
    file = copy / "lab" / "clm.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "lease": {"time_to_live": 15}}))
    run = CommandLine({**fleet.clmdeploy.environ, "CLM_INVENTORIES": str(copy)})
    run("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql").expecting(0)
    kit = GeneratedSet(fleet)
    kit.make(TINY_TREE, 5_000_000)
    before = kit.state()
    yield Ground(kit, run, kit.point("--type", "full")["id"], before)
    kit.leave()


@contextmanager
def refused(lab: Lab) -> Iterator[None]:
    """Engines' connections to the storage are reset, old and new; the journal is written all the while."""
    lab.host("backup1").run(("sh", "-c", _REFUSE))
    try:
        yield
    finally:
        lab.host("backup1").run(("nft", "delete table ip struck"))


@contextmanager
def cut(lab: Lab) -> Iterator[None]:
    """Nobody reaches the storage."""
    lab.host("store1").cut()
    try:
        yield
    finally:
        lab.host("store1").heal()


Trouble = Callable[[Lab], Any]  # Any: a context manager of nothing


@pytest.mark.parametrize(
    "step",
    ["database", *(pytest.param(one, marks=full) for one in ("stop-components", "recover", "standbys", "files"))],
)
def test_a_restore_that_was_killed_is_gone_on_with(ground: Ground, step: str) -> None:
    """SIGKILL of clmdeploy in a step: one `change resume`, and every table and file is equal."""
    process = ground.restoring(step)
    os.kill(process.pid, signal.SIGKILL)
    ground.finish(process)


@pytest.mark.full
@pytest.mark.parametrize("step", ["safety-database", "stop-components", "stop-database"])
def test_before_the_data_is_touched_it_is_taken_back(ground: Ground, step: str) -> None:
    """SIGKILL, then `change abort`: what stood before stands, and is served."""
    process = ground.restoring(step)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    ground.run("change", "abort", "-e", "lab", timeout=1200).expecting(0)
    assert ground.kit.differences(ground.before)
    assert ground.kit.fleet.psql("SELECT count(*) FROM kit.segments WHERE title LIKE 'x%'") == "100"
    assert "MAINT" not in ground.kit.fleet.drained.values()
    ground.run("restore", ground.point, "-e", "lab", "--confirm", "lab").expecting(0)
    assert ground.kit.differences(ground.before) == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("step", "host", "program"), [("database", "db1", "pgbackrest"), ("files", "worker1", "restic")]
)
def test_a_killed_engine_is_called_again(ground: Ground, step: str, host: str, program: str) -> None:
    """SIGKILL of the engine in the middle of its restore."""
    process = ground.restoring(step)
    ground.lab.host(host).run(("bash", "-c", _STRIKE % program))
    ground.finish(process)


@pytest.mark.full
@pytest.mark.parametrize(
    ("step", "host"), [("database", "db1"), ("recover", "db1"), ("files", "worker1"), ("database", "backup1")]
)
def test_a_host_that_loses_its_power_goes_on(ground: Ground, step: str, host: str) -> None:
    """When it is back, one `change resume` at most."""
    process = ground.restoring(step)
    time.sleep(1)
    ground.lab.host(host).kill()
    time.sleep(2)
    ground.lab.host(host).start()
    ground.finish(process)


@pytest.mark.parametrize(
    ("trouble", "step"),
    [
        (refused, "database"),
        *(pytest.param(*one, marks=full) for one in ((refused, "files"), (cut, "database"), (cut, "publish"))),
    ],
)
def test_a_storage_that_refuses_makes_no_half_point(ground: Ground, trouble: Trouble, step: str) -> None:
    """For a while, in the middle of `backup create`: outlasted, or no point is listed; the next is whole."""
    before = ground.listed()
    process = ground.begun(step, "backup", "create", "--yes", "--type", "full")
    with trouble(ground.lab):
        time.sleep(AWHILE)
    said, _ = process.communicate(timeout=1200)
    if process.returncode and step != "publish":
        assert ground.listed() == before, said[-3000:]
    made = ground.run("backup", "create", "-e", "lab", "--yes", "--json", *WAITING).expecting(0).json["point"]
    assert ground.listed()[0] == made


@pytest.mark.full
@pytest.mark.parametrize("trouble", [refused, cut])
def test_a_storage_that_refuses_spoils_no_verdict(ground: Ground, trouble: Trouble) -> None:
    """In the middle of `backup verify`: what could not be read is called neither sound nor damaged."""
    process = ground.begun("", "backup", "verify")
    with trouble(ground.lab):
        time.sleep(AWHILE)
    said, _ = process.communicate(timeout=1200)
    assert process.returncode != 10, said[-3000:]
    ground.run("backup", "verify", "-e", "lab").expecting(0)


@pytest.mark.full
@pytest.mark.parametrize("trouble", [refused, cut])
@pytest.mark.parametrize("step", ["database", "recover", "files"])
def test_a_restore_outlasts_a_storage_that_refuses(ground: Ground, trouble: Trouble, step: str) -> None:
    """For a while; with one `change resume` at most."""
    process = ground.restoring(step)
    with trouble(ground.lab):
        time.sleep(AWHILE)
    ground.finish(process)


@pytest.mark.full
@pytest.mark.parametrize(
    ("step", "host", "path"),
    [("files", "worker1", "/var/cache/clm-backup"), ("database", "backup1", "/var/lib/clm-backup"),
     ("database", "backup1", "/var/spool/clm-backup"), ("database", "backup1", "/var/log/clm-backup")],
)  # fmt: skip
def test_a_full_disk_makes_no_half_point(ground: Ground, step: str, host: str, path: str) -> None:
    """Of what the engines keep for themselves: the point is whole or is not listed; the next is whole."""
    before = ground.listed()
    ground.lab.host(host).fill(path)
    try:
        ran = ground.run("backup", "create", "-e", "lab", "--yes", "--type", "full")
        assert ran.code == 0 or ground.listed() == before, f"{step}: {ran.said}"
    finally:
        ground.lab.host(host).unfill()
    ground.kit.point(*WAITING)


@pytest.mark.full
@pytest.mark.parametrize(("step", "host", "path"), [("database", "db1", DATA), ("files", "worker1", CONTENT)])
def test_a_restore_goes_on_once_the_disk_has_room(ground: Ground, step: str, host: str, path: str) -> None:
    """It fills up in the middle; with room again one `change resume` ends it."""
    process = ground.restoring(step)
    ground.lab.host(host).fill(path)
    try:
        time.sleep(15)
    finally:
        ground.lab.host(host).unfill()
    ground.finish(process)
