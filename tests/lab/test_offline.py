"""The storage is out of reach at night: what still works, and what becomes of it when it answers again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.fleet import AT_ONCE, MEMBERS, NO_RESTORE_POINT, Fleet

pytestmark = pytest.mark.timeout(900)
OFFLINE = ("rollback", "-e", "lab", "--offline", "--reason", "the storage is down", "--yes", "--soak", "0")


@contextlib.contextmanager
def outage(fleet: Fleet) -> Iterator[None]:
    """The storage's cable is pulled."""
    store = fleet.lab.host("store1")
    store.cut()
    try:
        yield
    finally:
        store.heal()


@pytest.fixture
def upgraded(fleet: Fleet) -> Fleet:
    """1.1.0 runs, and 1.0.0 ran before it."""
    fleet.bring_to("1.0.0")
    fleet.clmdeploy("deploy", "1.1.0", "-e", "lab", "--yes", *AT_ONCE, *NO_RESTORE_POINT).expecting(0)
    return fleet


def test_status_and_rollback_work_without_the_storage(upgraded: Fleet) -> None:
    """The hosts are shown; the release before runs again; nothing is drained; the journal follows, and verifies."""
    with outage(upgraded):
        shown = upgraded.clmdeploy("status", "-e", "lab", "--probe").expecting(0)
        assert "1.1.0" in shown.stdout
        upgraded.clmdeploy(*OFFLINE).expecting(0)
        assert upgraded.releases == dict.fromkeys(MEMBERS, "1.0.0")
        assert not upgraded.drained
    (change,) = upgraded.clmdeploy("journal", "ship", "-e", "lab", "--json").expecting(0).json["changes"]
    assert upgraded.changes()[-1] == change
    upgraded.clmdeploy("journal", "verify", "-e", "lab").expecting(0)
    assert not upgraded.lease()["held"]
    upgraded.clmdeploy("deploy", "1.1.0", "-e", "lab", "--yes", *AT_ONCE, *NO_RESTORE_POINT).expecting(0)


def test_a_deploy_that_the_outage_cut_off_is_taken_back_without_the_storage(upgraded: Fleet) -> None:
    """Its control node dies between drain and switch, the storage is gone: one command, and later nothing is open."""
    killed_at(upgraded, "canary-switch", ("deploy", "1.2.0", "-e", "lab", "--yes", "--soak", "1"))
    cut_off = upgraded.changes()[-1]
    with outage(upgraded):
        upgraded.clmdeploy(*OFFLINE, "--to", "1.1.0").expecting(0)
        assert upgraded.releases == dict.fromkeys(MEMBERS, "1.1.0")
        assert not upgraded.drained
    upgraded.clmdeploy("journal", "ship", "-e", "lab").expecting(0)
    upgraded.clmdeploy("journal", "verify", "-e", "lab").expecting(0)
    told = upgraded.clmdeploy("change", "show", cut_off, "-e", "lab", "--json").expecting(0).json
    assert told["state"] == "superseded"
    upgraded.clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes", *AT_ONCE).expecting(0)


def killed_at(fleet: Fleet, step: str, words: tuple[str, ...]) -> None:
    """Run a command, and kill its whole process group when `step` begins."""
    command = [*fleet.clmdeploy.argv(*words), "--events"]
    process = subprocess.Popen(
        command, env=dict(fleet.clmdeploy.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if f'"{step}"' in line and "step-started" in line:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
