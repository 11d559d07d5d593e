"""`clmdeploy lease hold` and `release`: an environment kept to oneself, by hand."""

from __future__ import annotations

from clmdeploy.changes.events import Who
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk


def test_what_is_held_by_hand_keeps_a_deploy_out(desk: Desk) -> None:
    """Exit code 6 with who, why and the command that ends it; after `release` the deploy goes on."""
    told = desk("lease", "hold", "-e", "lab", "--reason", "audit of the racks")
    assert (told.code, "held by hand" in told.out) == (ExitCode.DONE, True)
    refused = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert refused.code == ExitCode.LEASE_HELD
    assert "audit of the racks" in refused.err
    assert "clmdeploy lease release -e lab --scope fleet" in refused.err
    assert desk("lease", "release", "-e", "lab").code == ExitCode.DONE
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_a_hold_on_the_data_does_not_block_a_rollback(desk: Desk) -> None:
    """The two scopes are apart."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    desk("lease", "hold", "-e", "lab", "--scope", "data", "--reason", "a copy is taken by hand")
    assert "a copy is taken by hand" in desk("status", "-e", "lab").out
    assert desk("rollback", "-e", "lab", "--yes").code == ExitCode.DONE
    assert desk("lease", "show", "-e", "lab", "--json").json["leases"]["data"]["manual"] is True


def test_a_hold_wants_a_reason(desk: Desk) -> None:
    """Whoever finds it must be told why."""
    assert desk("lease", "hold", "-e", "lab").code == ExitCode.USAGE


def test_what_somebody_else_holds_is_let_go_by_name_only(desk: Desk) -> None:
    """The refusal says whose it is and why, and the command that does it all the same."""
    other = Who(principal="petrov@lab", user="u", host="control2")
    desk.runtime().leases.hold(Request("fleet", other, "", "disks are replaced"))
    refused = desk("lease", "release", "-e", "lab")
    assert refused.code == ExitCode.USAGE
    assert "petrov@lab" in refused.err
    assert "disks are replaced" in refused.err
    assert "--confirm lab" in refused.err
    assert desk("lease", "release", "-e", "lab", "--confirm", "lab").code == ExitCode.DONE


def test_what_nobody_holds_can_not_be_released(desk: Desk) -> None:
    """Neither can what a change holds."""
    assert desk("lease", "release", "-e", "lab").code == ExitCode.USAGE
    held = desk.runtime().leases.acquire(Request("fleet", desk.runtime().who, "c1", "a deploy"))
    refused = desk("lease", "release", "-e", "lab")
    assert (refused.code, "change resume" in refused.err) == (ExitCode.USAGE, True)
    held.release()


def test_a_bucket_restored_from_an_older_copy_is_mended_by_renewing_the_lease(desk: Desk) -> None:
    """Hosts have seen larger tokens: the deploy is refused before anything is tried, and names the remedy."""
    desk.hosts.host("app2").tokens["fleet"] = 40
    refused = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert refused.code == ExitCode.FAILED_UNCHANGED
    assert "app2: it has seen token 40" in refused.err
    assert "clmdeploy lease renew -e lab --confirm lab" in refused.err
    assert desk("lease", "renew", "-e", "lab").code == ExitCode.USAGE
    assert desk("lease", "renew", "-e", "lab", "--confirm", "lab").code == ExitCode.DONE
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_who_worked_without_the_storage_is_named(desk: Desk) -> None:
    """Their journal is asked for first."""
    host = desk.hosts.host("app1")
    host.tokens["fleet"] = 9
    host.claim = {"change": "c9", "who": "petrov", "since": "2026-07-01", "scope": "fleet", "token": 9, "ended": True}
    refused = desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert "petrov worked here without the storage" in refused.err
    assert "clmdeploy journal ship -e lab" in refused.err
