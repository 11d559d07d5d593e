"""`clmdeploy status` and `clmdeploy lease show`: what runs where, what is open, who holds the environment."""

from __future__ import annotations

import pytest

from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import ExitCode, StoreUnavailable
from tests.unit.cli.desk import Desk


def test_status_shows_what_runs_where(desk: Desk) -> None:
    """Each host with its release and the balancer's view; nothing open, so nothing to type."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    said = desk("status", "-e", "lab")
    assert said.code == ExitCode.DONE
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert rows["app1"].split()[:5] == ["app1", "app", "1.1.0", "ready", "(UP)"]
    assert "done" in rows["change"]
    assert "free" in rows["lease"]
    assert "Next:" not in said.out


def test_probe_asks_every_service(desk: Desk) -> None:
    """Without it nobody is asked how they are; with it a service that answers with another version is not healthy."""
    assert {host["health"] for host in desk("status", "-e", "lab", "--json").json["hosts"]} == {"unknown"}
    assert {host["health"] for host in desk("status", "-e", "lab", "--json", "--probe").json["hosts"]} == {"healthy"}


def test_a_silent_host_is_named_and_hides_nobody(desk: Desk) -> None:
    """Exit code 0: status itself has not failed. The silent host is told with its reason, the others are shown."""
    desk.hosts.silent.add("app2")
    said = desk("status", "-e", "lab")
    assert said.code == ExitCode.DONE
    assert "no route to host" in said.out
    assert desk("status", "-e", "lab", "--json").json["runs"] == {
        desk.directories["1.0.0"]: ["worker1", "app1", "app3"]
    }


def test_hosts_are_shown_though_the_state_bucket_is_out_of_reach(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts are the truth; the journal is called unknown, never empty."""

    def silent(*_arguments: object, **_named: object) -> None:
        raise StoreUnavailable("storage does not answer")

    monkeypatch.setattr(desk.state, "get", silent)
    said = desk("status", "-e", "lab")
    assert said.code == ExitCode.DONE
    assert "1.0.0" in said.out
    assert "not known: storage does not answer" in said.out
    assert desk("status", "-e", "lab", "--json").json["journal"] == {"known": False, "fault": "storage does not answer"}


@pytest.mark.parametrize(("language", "words"), [("en", "stopped"), ("ru", "остановлено")])
def test_an_open_change_comes_with_the_command_to_type(desk: Desk, language: str, words: str) -> None:
    """And servers that this tool holds out of rotation are named."""
    desk.fail("switch", "app2")
    desk("deploy", "1.1.0", "-e", "lab", "--yes", "--on-failure", "stop")
    said = desk("--lang", language, "status", "-e", "lab")
    assert words in said.out
    assert "lb1:clm_web/app2" in said.out
    assert said.out.splitlines()[-1].endswith("clmdeploy change abort -e lab")


def test_status_in_json_is_stable(desk: Desk) -> None:
    """The keys that docs/json.md documents, whatever the environment's state."""
    keys = desk("status", "-e", "lab", "--json").json.keys()
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    assert desk("status", "-e", "lab", "--json").json.keys() == keys
    assert {"format", "hosts", "runs", "drained", "schema_state", "last_change", "open_changes", "lease", "next"} < keys


def test_lease_show_names_the_holder(desk: Desk) -> None:
    """Free before anything was done; then who, why and since when, with its zone."""
    assert desk("lease", "show", "-e", "lab", "--json").json["leases"] == {"fleet": None, "data": None}
    runtime = desk.runtime()
    held = runtime.leases.acquire(Request("fleet", runtime.who, "c1", "nightly work"))
    try:
        told = desk("lease", "show", "-e", "lab").out
        assert [words in told for words in ("admin@lab", "nightly work", "c1", "MSK")] == [True] * 4
        assert desk("status", "-e", "lab").out.splitlines()[-1] == "Next: clmdeploy lease show -e lab"
    finally:
        held.release()
    assert desk("lease", "show", "-e", "lab", "--json").json["leases"]["fleet"]["held"] is False
