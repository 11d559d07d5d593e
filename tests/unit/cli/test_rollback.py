"""`clmdeploy rollback`: the verdict first, then the way back by one command."""

from __future__ import annotations

import pytest

from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk


def test_rollback_goes_to_the_release_before(desk: Desk) -> None:
    """One command, no version: what ran before runs again; once more there is nothing to go back to."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    said = desk("rollback", "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE
    assert "way back    safe" in said.out
    assert set(desk.runs.values()) == {"1.0.0"}
    again = desk("rollback", "-e", "lab", "--yes")
    assert again.code == ExitCode.FAILED_UNCHANGED
    assert "nothing to go back to" in again.err


def test_rollback_to_a_named_release(desk: Desk) -> None:
    """`--to` chooses which."""
    for version in ("1.1.0", "1.2.0"):
        desk("deploy", version, "-e", "lab", "--yes")
    assert desk("rollback", "-e", "lab", "--to", "1.0.0", "--yes").code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.0.0"}


def test_a_canary_is_taken_only_when_asked_for(desk: Desk) -> None:
    """The way back leads to what ran here before: it needs no canary, but may have one."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert "canary" not in desk("rollback", "-e", "lab", "--dry-run").out
    assert "canary" in desk("rollback", "-e", "lab", "--dry-run", "--canary", "1").out


@pytest.mark.parametrize("flags", [(), ("--confirm", "lab"), ("--accept-outage", "x", "--no-restore-point", "y")])
def test_no_flag_goes_past_a_migration_without_a_way_back(desk: Desk, flags: tuple[str, ...]) -> None:
    """The verdict `needs restore` is told with what is missing, exit code 4, and nothing is touched."""
    desk.publish("2.0.0", ((1, "contract", "irreversible", "1.2.0"),))
    assert desk("deploy", "2.0.0", "-e", "lab", "--confirm", "lab", "--no-restore-point", "x").code == ExitCode.DONE
    log = list(desk.hosts.log)
    said = desk("rollback", "-e", "lab", "--yes", *flags)
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert "needs restore" in said.err
    assert "restore point" in said.err
    assert desk.hosts.log == log


def test_a_way_back_with_an_outage_wants_reasons_and_the_name(desk: Desk) -> None:
    """`needs revert` is refused without reasons, then asks for the environment's name, then goes."""
    desk.publish("2.0.0", ((1, "expand", "[bin/schema, down]", "2.0.0"),), needs=1)
    desk.install("2.0.0")
    desk.hosts.schema = {"version": 1, "dirty": False}
    for name in ("app1", "app2", "app3", "worker1"):
        desk.hosts.host(name).ledger = [desk.directories["1.0.0"]]
    reasons = ("--accept-outage", "broken", "--no-restore-point", "dump of 21:00")
    assert "--accept-outage" in desk("rollback", "-e", "lab", "--yes").err
    unnamed = desk("rollback", "-e", "lab", "--yes", *reasons)
    assert (unnamed.code, "--confirm lab" in unnamed.err) == (ExitCode.USAGE, True)
    assert desk("rollback", "-e", "lab", "--confirm", "lab", *reasons).code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.0.0"}


def test_a_restore_is_not_had_by_the_way(desk: Desk) -> None:
    """Where the way back is safe it is refused; with what belongs to a rollout by batches too. Nothing is touched."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    log = list(desk.hosts.log)
    said = desk("rollback", "--with-restore", "-e", "lab", "--confirm", "lab")
    assert (said.code, "without a restore" in said.err) == (ExitCode.USAGE, True)
    limited = desk("rollback", "--with-restore", "-e", "lab", "--limit", "app1", "--confirm", "lab")
    assert (limited.code, "--limit does not go with" in limited.err) == (ExitCode.USAGE, True)
    alone = desk("rollback", "--no-safety-point", "x", "-e", "lab", "--confirm", "lab")
    assert (alone.code, "→ --with-restore" in alone.err) == (ExitCode.USAGE, True)
    assert desk.hosts.log == log
