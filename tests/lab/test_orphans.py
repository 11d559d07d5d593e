"""clmdeploy is killed by force in the middle of a long act: what it leaves behind, and what the next one makes of it.

Everything is looked at from outside: processes of this machine in /proc, units and hooks of the host by ssh.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.processes import VARIABLE, own_process
from clmdeploy.adapters.rundir import name_of
from tests.lab.command_line import CommandLine, publish
from tests.lab.craft import variant
from tests.lab.fleet import AT_ONCE, MEMBERS, Fleet

pytestmark = pytest.mark.timeout(900)
VERSION = "8.5.0"
SLOW = "/run/clm-slow"  # while app1 has it, this release takes its time to stop
SLEEP = "sleep 240"
LIMIT = 8.0  # seconds until nothing of a killed run acts on the control node any more


@pytest.fixture(scope="module")
def slow_release(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A release whose services stop slowly wherever SLOW exists."""

    def slow(manifest: dict[str, Any]) -> None:
        manifest["components"][0]["before_stop"] = ["/bin/sh", "-c", f"test ! -e {SLOW} || {SLEEP}"]

    place = tmp_path_factory.mktemp("slow")
    source = variant(place, VERSION, edit=slow)
    publish(fleet.clmdeploy, source, place / "bundles").expecting(0)
    return VERSION


@pytest.fixture
def begun(fleet: Fleet, slow_release: str) -> Iterator[subprocess.Popen[str]]:
    """A rollback that hangs in the hook of app1, its playbook under way. Whatever happens, all is well afterwards."""
    fleet.bring_to("1.2.0")
    fleet.bring_to(slow_release)
    fleet.lab.host("app1").run(("touch", SLOW))
    process = fleet.clmdeploy.started("rollback", "--to", "1.2.0", "-e", "lab", "--yes", *AT_ONCE)
    try:
        until(lambda: hook_runs(fleet), 60)
        yield process
    finally:
        process.kill()
        process.wait()
        fleet.lab.host("app1").run(("rm", "-f", SLOW))
        fleet.lab.host("app1").run(("pkill", "-f", f"^{SLEEP}"), check=False)
        fleet.bring_to("1.2.0")


def test_a_killed_run_leaves_nothing_that_acts(fleet: Fleet, begun: subprocess.Popen[str]) -> None:
    """The parent alone is killed: within seconds no ansible-playbook, worker or ssh of it is left on this machine.

    On the host the act goes on as its unit, by design. `change resume` ends it, and never do two playbooks, or two
    acts on one host, go on at once; then the rollback is finished.
    """
    with watched(fleet) as sightings:
        begun.send_signal(signal.SIGKILL)
        begun.wait()
        until(lambda: not runs(fleet), LIMIT)
        assert hook_runs(fleet)
        fleet.lab.host("app1").run(("rm", "-f", SLOW))
        fleet.clmdeploy("change", "resume", "-e", "lab").expecting(0)
    assert max(len(seen.playbooks) for seen in sightings) == 1
    assert max(len(seen.units) for seen in sightings) == 1
    assert_whole(fleet)


@pytest.mark.alone
def test_what_even_so_is_left_is_ended_first(fleet: Fleet, begun: subprocess.Popen[str]) -> None:
    """Killed together with what should have cleared up: workers and their ssh live on, deaf to everything.

    `change resume` ends them before it takes the lease, and wipes their directories; what a living run has started goes
    on.
    """
    (run,) = runs(fleet)
    living = str(Path(run).with_name(f"{name_of(own_process())}neighbour"))
    neighbour = subprocess.Popen(["sleep", "600"], env={**os.environ, VARIABLE: living})
    try:
        begun.send_signal(signal.SIGSTOP)  # so that it can't see its playbook fail
        for pid in pids(fleet, "tether.py"):
            os.kill(pid, signal.SIGKILL)
        begun.send_signal(signal.SIGKILL)
        begun.wait()
        time.sleep(1)
        assert runs(fleet) == {run}
        fleet.lab.host("app1").run(("rm", "-f", SLOW))
        token = fleet.lease()["token"]
        resume = fleet.clmdeploy.started("change", "resume", "-e", "lab")
        until(lambda: run not in runs(fleet), 20)
        assert fleet.lease()["token"] == token
        said, _ = resume.communicate(timeout=300)
        assert resume.returncode == 0, said
        assert not Path(run).exists()
        assert neighbour.poll() is None
    finally:
        neighbour.kill()
        neighbour.wait()
    assert_whole(fleet)


def test_shared_connections_end_with_the_run(fleet: Fleet) -> None:
    """SSH connections that a run shares (ControlPersist) are gone when it ends, with all of its directories."""
    fleet.bring_to("1.2.0")
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="t") as place:  # short: sockets' names are bounded
        words = ("rollback", "--to", "1.1.0", "-e", "lab", "--yes", *AT_ONCE)
        process = CommandLine({**fleet.clmdeploy.environ, "XDG_RUNTIME_DIR": place}).started(*words)
        until(lambda: bool(titles(place)), 60)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert not titles(place)
        assert not list(Path(place).iterdir())


def assert_whole(fleet: Fleet) -> None:
    """The rollback is done and nothing is left of its interruption."""
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")
    assert not fleet.drained
    assert not hook_runs(fleet)
    assert not units(fleet)
    assert not runs(fleet)
    assert not fleet.lease()["held"]
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)


@dataclass(frozen=True)
class Sighting:
    """What acted at one moment."""

    playbooks: set[str]
    units: list[str]


@contextmanager
def watched(fleet: Fleet) -> Iterator[list[Sighting]]:
    """Looks several times a second at what acts on this machine and on app1."""
    seen: list[Sighting] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(Sighting(playbooks(fleet), units(fleet)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def playbooks(fleet: Fleet) -> set[str]:
    """Runs whose ansible-playbook lives."""
    return {run for run, arguments in _processes(fleet).values() if "ansible-playbook" in arguments}


def runs(fleet: Fleet) -> set[str]:
    """Runs of which anything lives, named by their directories."""
    return {run for run, _ in _processes(fleet).values()}


def pids(fleet: Fleet, word: str) -> list[int]:
    """Processes of runs with this word among their arguments."""
    return [pid for pid, (_, arguments) in _processes(fleet).items() if word in arguments]


def _processes(fleet: Fleet) -> dict[int, tuple[str, str]]:
    """Process → its run and arguments, of all that runs of these tests have started."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = dict(one.partition("=")[::2] for one in (place / "environ").read_text().split("\0"))
            arguments = (place / "cmdline").read_text().replace("\0", " ")
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, UnicodeDecodeError):
            continue
        if VARIABLE in variables and variables.get("HOME") == fleet.clmdeploy.environ["HOME"] and state not in "ZX":
            found[int(place.name)] = (variables[VARIABLE], arguments)
    return found


def titles(place: str) -> list[str]:
    """Titles of shared connections whose sockets are below `place`."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = one.read_text(errors="replace")
        except OSError:
            continue
        if title.startswith(f"ssh: {place}/"):
            found.append(title)
    return found


def units(fleet: Fleet) -> list[str]:
    """Units of acts that run on app1."""
    words = ("systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,deactivating", "clm-2*")
    return fleet.lab.host("app1").run(words).stdout.split("\n")[:-1]


def hook_runs(fleet: Fleet) -> bool:
    """Whether the slow hook runs on app1."""
    return fleet.lab.host("app1").run(("pgrep", "-f", f"^{SLEEP}"), check=False).returncode == 0


def until(true: Callable[[], bool], limit: float) -> None:
    """Wait until it is so; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
