"""`clmdeploy change export`: all that is known of a change, secrets taken out, what is missing named."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from clmdeploy.adapters.memory_hosts import MemoryHost
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.checks import HostLook
from clmdeploy.model.errors import ExitCode, StoreUnavailable
from clmdeploy.model.hosts import Host
from clmdeploy.runtime import export
from tests.unit.cli.desk import Desk
from tests.unit.cli.test_documented import documented

LOG = "connecting to postgresql://clm:hunter2@db1/clm with the-secret-key\n"


class Looks:
    """Looks at hosts in memory; those that are silent are not reached."""

    desk: Desk

    def __init__(self, _connections: object) -> None:
        pass

    def look(self, hosts: Sequence[Host], _root: str) -> dict[str, HostLook]:
        fine = HostLook(reachable=True, python=(3, 13, 5), os="debian-13", guard="f" * 64)
        lost = HostLook(reachable=False, cause="no route to host")
        return {host.name: lost if host.name in self.desk.hosts.silent else fine for host in hosts}


def _logs(_host: MemoryHost, act: Guarded) -> Outcome:
    return Outcome(
        status="done", result={"units": act.arguments["beside"], "text": LOG, "cut": act.host.name == "app3"}
    )


def _results(_host: MemoryHost, act: Guarded) -> Outcome:
    units = {f"clm-{act.arguments['change']}-stage-1": {"status": "failed", "message": "token=hunter2"}}
    return Outcome(status="done", result={"units": units, "cut": False})


@pytest.fixture
def worked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A deploy stands in the journal; hosts tell secrets."""
    monkeypatch.setattr(Looks, "desk", desk, raising=False)
    monkeypatch.setattr(export, "SshInspector", Looks)
    monkeypatch.setattr(type(desk.hosts), "_logs_ask", staticmethod(_logs), raising=False)
    monkeypatch.setattr(type(desk.hosts), "_results_ask", staticmethod(_results), raising=False)
    monkeypatch.setenv("A", "the-access-key")
    monkeypatch.setenv("B", "the-secret-key")
    monkeypatch.chdir(desk.place)
    (desk.place / "key").write_text("the-signing-key-itself\n")
    (desk.place / "key").chmod(0o600)
    desk("deploy", "1.1.0", "-e", "lab", "--yes", "--reason", "because of hunter2 and the-secret-key")
    return desk


def unpacked(path: Path) -> dict[str, str]:
    """Name below the archive's one directory → content."""
    with tarfile.open(path) as archive:
        return {
            member.name.partition("/")[2]: (archive.extractfile(member) or pytest.fail(member.name)).read().decode()
            for member in archive
        }


def exported(desk: Desk, *words: str) -> dict[str, str]:
    """The content of an export."""
    out = desk.place / "out.tar.gz"
    said = desk("change", "export", "-e", "lab", "--out", str(out), *words)
    assert said.code == ExitCode.DONE, said.err
    assert out.stat().st_mode & 0o777 == 0o600
    return unpacked(out)


def test_everything_of_the_newest_change_is_in_it(worked: Desk) -> None:
    """Plan, events, lease, head, settings, versions; of each host facts, results and log."""
    found = exported(worked)
    assert sorted(found) == [
        "README.txt", "balancers.json", "events.jsonl",
        *(f"hosts/{host}/{file}" for host in ("app1", "app2", "app3", "lb1", "worker1")
          for file in ("facts.json", "log.txt", "results.json")),
        "journal/head.json", "lease/fleet.json", "manifest.json", "plan.json", "settings.json",
        "versions.json",
    ]  # fmt: skip
    events = [json.loads(line) for line in found["events.jsonl"].splitlines()]
    assert [one["event"]["kind"] for one in events][:: len(events) - 1] == ["opened", "closed"]
    assert json.loads(found["plan.json"])["digest"] == events[0]["event"]["detail"]["plan"]
    assert {"clmdeploy", "python", "ansible-core", "fabric", "boto3", "guard"} < json.loads(
        found["versions.json"]
    ).keys()
    assert worked.newest() in found["README.txt"]


def test_the_manifest_is_documented(worked: Desk) -> None:
    """Its keys and those of `--json` stand in docs/json.md."""
    assert json.loads(exported(worked)["manifest.json"]).keys() == documented("export-manifest/1")
    assert worked("change", "export", "-e", "lab", "--json").json.keys() == documented("change-export/1")
    assert (worked.place / f"clm-export-{worked.newest()}.tar.gz").exists()


def test_no_secret_is_in_it(worked: Desk) -> None:
    """Neither what the settings point to nor what looks like one, in whatever file."""
    found = exported(worked)
    text = "\n".join(found.values())
    for secret in ("the-access-key", "the-secret-key", "the-signing-key-itself", "clm:hunter2", "token=hunter2"):
        assert secret not in text
    assert "connecting to postgresql://clm:********@db1/clm with ********" in found["hosts/app1/log.txt"]
    manifest = json.loads(found["manifest.json"])
    redacted = {one["name"]: one["redactions"] for one in manifest["members"]}
    assert (redacted["hosts/app1/log.txt"], redacted["hosts/app1/facts.json"]) == (2, 0)


def test_what_was_cut_is_stated(worked: Desk) -> None:
    """By host."""
    manifest = json.loads(exported(worked)["manifest.json"])
    assert {one["name"] for one in manifest["members"] if one["cut"]} == {"hosts/app3/log.txt"}


def test_a_silent_host_is_named_and_the_rest_exported(worked: Desk) -> None:
    """On the screen and in the archive; exit code 0."""
    worked.hosts.silent.add("app2")
    found = exported(worked)
    assert "hosts/app1/log.txt" in found
    assert not [name for name in found if "app2" in name]
    assert {"what": "app2", "cause": "no route to host"} in json.loads(found["manifest.json"])["missing"]
    assert "not in it: app2: no route to host" in worked("change", "export", "-e", "lab").err


def test_logs_are_asked_for_the_time_of_the_change(worked: Desk) -> None:
    """The release's units and the change's own, with a margin on both sides; an open change has no end yet."""
    exported(worked)
    asked = next(act.arguments for act in worked.hosts.received if act.act == "logs")
    assert asked["beside"] == [f"clm-{worked.newest()}-*"]
    assert 600 < int(asked["until"][1:]) - int(asked["since"][1:]) < 3600
    worked.fail("switch", "app1")
    worked("deploy", "1.2.0", "-e", "lab", "--yes", "--on-failure", "stop")
    last = sorted(key for key in worked.state.keys("lab/changes/") if "/events/" in key)[-1]
    del worked.state._objects[last]
    worked.hosts.received.clear()
    exported(worked, worked.newest())
    assert next(act.arguments for act in worked.hosts.received if act.act == "logs")["until"] == ""


def test_a_forged_plan_is_exported_and_called_so(worked: Desk) -> None:
    """The third line must see it; its addresses are not followed."""
    key = f"lab/changes/{worked.newest()}/plan"
    worked.state.put(key, worked.state.get(key).body.replace(b"192.0.2.1", b"203.0.113.9"))
    found = exported(worked)
    assert "203.0.113.9" in found["plan.json"]
    assert any("believed" in one["what"] for one in json.loads(found["manifest.json"])["missing"])
    assert {act.host.address for act in worked.hosts.received} == {"192.0.2.1"}


def test_rubbish_in_the_bucket_is_exported_as_it_is(worked: Desk) -> None:
    """Neither plan nor event need be readable."""
    change = worked.newest()
    worked.state.put(f"lab/changes/{change}/plan", b"not a plan, password=hunter2")
    worked.state.put(f"lab/changes/{change}/events/000001", b"\xff\xfe")
    found = exported(worked, change)
    assert json.loads(found["plan.json"]) == "not a plan, password=********"
    assert not [name for name in found if name.startswith("hosts/")]


class Silent:
    """A bucket whose storage does not answer."""

    def __getattr__(self, _name: str) -> object:
        raise StoreUnavailable("s3.example.ru does not answer")


def test_without_the_storage_the_control_nodes_copy_is_exported(worked: Desk) -> None:
    """And the silence is named."""
    change = worked.newest()
    worked.state = Silent()  # type: ignore[assignment]
    found = exported(worked)
    assert change in found["README.txt"]
    manifest = json.loads(found["manifest.json"])
    assert manifest["source"] == "this control node's copy"
    assert manifest["missing"][0] == {"what": "state bucket", "cause": "s3.example.ru does not answer"}
    assert "plan.json" in found


def test_without_the_storage_an_unknown_change_is_an_error(worked: Desk) -> None:
    """Nothing is written."""
    worked.state = Silent()  # type: ignore[assignment]
    said = worked("change", "export", "20200101-000000000-deploy-ffff", "-e", "lab", "--out", "out.tar.gz")
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert "does not answer" in said.err
    assert not Path("out.tar.gz").exists()


def test_a_change_that_nobody_knows_is_refused(worked: Desk) -> None:
    """Usage, not an empty archive."""
    assert worked("change", "export", "no-such", "-e", "lab").code == ExitCode.USAGE


def test_a_secret_that_can_not_be_read_is_named(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could stand in a log and nobody would know."""
    monkeypatch.delenv("B")
    assert "not in it: a secret to take out" in worked("change", "export", "-e", "lab").err
