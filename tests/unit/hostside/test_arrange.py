"""A declared state: brought about once, kept apart from what stood before, and put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import arrange, places
from clmdeploy.hostside.acts.call import ActError
from tests.unit.hostside.arranging import Host, directory, file, text

UNIT = "clm-archive.service"
SERVING = {
    "directories": [directory("/etc/clm")],
    "files": [file("/etc/clm/conf", text("new\n")), file("/etc/clm/key", {"secret": "key"}, mode="0400")],
    "units": [{"name": UNIT, "state": "running", "watches": ["/etc/clm/conf"]}],
}
KEY = {"key": "hidden"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_what_is_declared_stands(host: Host) -> None:
    """Files with their content and mode, the unit in boot and running; what was done is told without content."""
    told = arrange.perform(host.call(secrets=KEY, **SERVING))
    assert told["changed"] == ["directory /etc/clm", "file /etc/clm/conf", "file /etc/clm/key", f"unit {UNIT}"]
    assert host.path("/etc/clm/key").read_text() == "hidden"
    assert host.path("/etc/clm/key").stat().st_mode & 0o7777 == 0o400
    assert host.told == [f"enable {UNIT}", f"reset-failed {UNIT}", f"restart {UNIT}"]
    assert "hidden" not in str(told)


def test_a_second_time_nothing_is_done(host: Host) -> None:
    """Neither in the same change nor in another, and a question finds nothing to do."""
    arrange.perform(host.call(secrets=KEY, **SERVING))
    host.told.clear()
    assert arrange.perform(host.call(secrets=KEY, **SERVING)) == {"changed": []}
    assert arrange.perform(host.call(secrets=KEY, change="change-2", **SERVING)) == {"changed": []}
    assert arrange.ask(host.call("ask", secrets=KEY, **SERVING))["differs"] == []
    assert host.told == []


def test_a_question_changes_nothing(host: Host) -> None:
    """It names what would be done."""
    told = arrange.ask(host.call("ask", secrets=KEY, packages=["restic"], **SERVING))
    assert told["differs"] == [
        "package restic", "directory /etc/clm", "file /etc/clm/conf", "file /etc/clm/key", f"unit {UNIT}",
    ]  # fmt: skip
    assert told["packages"]["restic"] == {"installed": "", "candidate": "1.0"}
    assert not host.path("/etc/clm").exists()
    assert host.told == []


def test_only_missing_packages_are_installed(host: Host) -> None:
    """Nothing is upgraded, and no service of theirs is started before it is configured."""
    host.installed.add("restic")
    arrange.perform(host.call(packages=["restic", "pgbackrest"], quiet=["pgbackrest.service"]))
    assert host.told == [
        "mask --runtime pgbackrest.service", "apt pgbackrest", "unmask --runtime pgbackrest.service",
        "disable pgbackrest.service",
    ]  # fmt: skip


def test_what_stood_before_comes_back(host: Host) -> None:
    """Content, mode and absence; the unit stops while it still has its files. Then the host is as it was."""
    before = host.path("/etc/clm")
    before.mkdir(mode=0o755)
    (before / "conf").write_text("old\n")
    (before / "conf").chmod(0o600)
    arrange.perform(host.call(secrets=KEY, **SERVING))
    assert arrange.restore(host.call("restore", **SERVING)) == {"left": []}
    assert (before / "conf").read_text() == "old\n"
    assert (before / "conf").stat().st_mode & 0o7777 == 0o600
    assert before.stat().st_mode & 0o7777 == 0o755
    assert not (before / "key").exists()
    assert host.units[UNIT]["active"] == "inactive"
    assert host.units[UNIT]["enabled"] == "disabled"


def test_a_service_that_ran_before_runs_again_with_its_old_files(host: Host) -> None:
    """Restarted after they are back, and in boot as it was."""
    host.unit(UNIT, enabled="enabled", active="active", sub="running")
    arrange.perform(host.call(secrets=KEY, **SERVING))
    host.told.clear()
    arrange.restore(host.call("restore", **SERVING))
    assert host.told == ["daemon-reload", f"enable {UNIT}", f"restart {UNIT}"]


def test_taking_back_twice_does_no_harm(host: Host) -> None:
    """A control node that was cut off asks again."""
    arrange.perform(host.call(secrets=KEY, **SERVING))
    for _ in range(2):
        assert arrange.restore(host.call("restore", **SERVING)) == {"left": []}
    assert not host.path("/etc/clm").exists()


def test_what_somebody_else_wrote_since_is_left(host: Host) -> None:
    """Undo restores only where what stands is still ours, and says so."""
    arrange.perform(host.call(secrets=KEY, **SERVING))
    host.path("/etc/clm/conf").write_text("by hand\n")
    told = arrange.restore(host.call("restore", **SERVING))["left"]
    assert told[0] == "/etc/clm/conf: somebody else has changed it since: left as it is"
    assert told[1] == "/etc/clm: not empty, so it stays"
    assert host.path("/etc/clm/conf").read_text() == "by hand\n"


def test_a_cut_off_run_goes_on_and_is_taken_back_whole(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept first stays kept: the second try's `before` is not the first one's work."""
    host.path("/etc/clm").mkdir()
    host.path("/etc/clm/conf").write_text("old\n")
    with monkeypatch.context() as cut:
        cut.setattr("clmdeploy.hostside.acts.services.restart", lambda _name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            arrange.perform(host.call(secrets=KEY, **SERVING))
    assert arrange.probe(host.call("probe", **SERVING)) == {"state": "partial"}
    assert arrange.perform(host.call(secrets=KEY, **SERVING)) == {"changed": [f"unit {UNIT}"]}
    assert arrange.probe(host.call("probe", **SERVING))["state"] == "done"
    arrange.restore(host.call("restore", **SERVING))
    assert host.path("/etc/clm/conf").read_text() == "old\n"


def test_nothing_done_is_told_as_such(host: Host) -> None:
    """Before the act has begun."""
    assert arrange.probe(host.call("probe", **SERVING)) == {"state": "not-done"}


def test_a_running_service_is_restarted_for_its_own_files_alone(host: Host) -> None:
    """And systemd reads its units again when one of them was written."""
    host.unit(UNIT, enabled="enabled", active="active", sub="running")
    host.path("/etc/systemd/system").mkdir(parents=True)
    unit = file(f"/etc/systemd/system/{UNIT}", text("[Service]\n"))
    watched = {"name": UNIT, "state": "running", "watches": [unit["path"]]}
    arrange.perform(host.call(files=[file("/etc/other", text("x"))], units=[watched]))
    assert host.told == []
    arrange.perform(host.call(change="change-2", files=[unit], units=[watched]))
    assert host.told == ["daemon-reload", f"enable {UNIT}", f"reset-failed {UNIT}", f"restart {UNIT}"]


def test_a_masked_unit_is_masked_before_its_package_comes(host: Host) -> None:
    """It would start at once; and it stays masked, since the package stays."""
    wanted = {"packages": ["pgbackrest"], "units": [{"name": "pgbackrest.service", "state": "masked", "watches": []}]}
    arrange.perform(host.call(**wanted))
    assert host.told == ["mask --now pgbackrest.service", "apt pgbackrest"]
    arrange.restore(host.call("restore", **wanted))
    assert host.units["pgbackrest.service"]["enabled"] == "masked"


def test_a_link_in_the_way_is_never_followed(host: Host, tmp_path: Path) -> None:
    """Neither in a directory of the path nor in place of the file: what it points to stays."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "conf").write_text("precious\n")
    host.path("/etc/link").symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        arrange.perform(host.call(files=[file("/etc/link/conf", text("new"))]))
    host.path("/etc/conf").symlink_to(victim / "conf")
    arrange.perform(host.call(files=[file("/etc/conf", text("new"))]))
    assert (victim / "conf").read_text() == "precious\n"
    assert host.path("/etc/conf").read_text() == "new"
    arrange.restore(host.call("restore", files=[file("/etc/conf", text("new"))]))
    assert os.readlink(host.path("/etc/conf")) == str(victim / "conf")


def test_a_file_is_made_of_its_parts(host: Host) -> None:
    """Text, secrets, results of earlier steps, other files of this host."""
    results = {"authority": {"backup1": {"certificates": {"app1": {"files": "CERT\n"}}}}}
    certificate = {"result": ["authority", "backup1", "certificates", "app1", "files"]}
    files = [
        file("/etc/cert", certificate),
        file("/etc/both", {"file": "/etc/cert"}, text("KEY\n")),
        file("/etc/environment", text("A="), {"variable": "key"}),
    ]
    arrange.perform(host.call(files=files, results=results, secrets={"key": 'a"b\\c$d`e'}))
    assert host.path("/etc/both").read_text() == "CERT\nKEY\n"
    assert host.path("/etc/environment").read_text() == 'A="a\\"b\\\\c\\$d\\`e"\n'


def test_a_secret_that_would_end_its_line_is_refused(host: Host) -> None:
    """It would become another variable of the service."""
    with pytest.raises(ActError, match="control character"):
        arrange.perform(host.call(files=[file("/etc/e", {"variable": "key"})], secrets={"key": "a\nB=c"}))


@pytest.mark.parametrize("path", ["etc/x", "/etc/../x", "/etc//x", "/etc/x/", "/"])
@pytest.mark.usefixtures("host")
def test_only_plain_absolute_paths_are_touched(path: str) -> None:
    """Whatever a control node sends."""
    with pytest.raises(ActError, match="no plain absolute path"):
        places.look(path)


def test_a_directory_in_place_of_a_file_is_no_file(host: Host) -> None:
    """It is named, and nothing is moved away."""
    host.path("/etc/conf").mkdir()
    with pytest.raises(ActError, match="should be a file"):
        arrange.perform(host.call(files=[file("/etc/conf", text("x"))]))


def test_what_an_earlier_change_kept_is_forgotten(host: Host, tmp_path: Path) -> None:
    """There may be old secrets in it, and it can't be asked for any more."""
    arrange.perform(host.call(files=[file("/etc/a", text("1"))]))
    arrange.perform(host.call(change="change-2", files=[file("/etc/a", text("2"))]))
    assert [path.name for path in (tmp_path / "arranged").iterdir()] == ["change-2"]
    assert (tmp_path / "arranged").stat().st_mode & 0o077 == 0


def test_links_stand_and_what_is_declared_absent_goes(host: Host) -> None:
    """A second time nothing is done; taken back, both are as before."""
    host.path("/etc/old").write_text("old\n")
    wanted = {"links": [{"path": "/etc/new", "target": "/var/lib/new"}], "absent": ["/etc/old", "/etc/never"]}
    told = arrange.perform(host.call(**wanted))
    assert told["changed"] == ["link /etc/new", "file /etc/old"]
    assert os.readlink(host.path("/etc/new")) == "/var/lib/new"
    assert not host.path("/etc/old").exists()
    assert arrange.ask(host.call("ask", **wanted))["differs"] == []
    assert arrange.restore(host.call("restore", **wanted)) == {"left": []}
    assert not os.path.lexists(host.path("/etc/new"))
    assert host.path("/etc/old").read_text() == "old\n"


def test_a_unit_that_is_to_be_absent_ends_before_its_file_goes(host: Host) -> None:
    """And comes back, in boot and running, when that is taken back."""
    path = "/etc/systemd/system/clm-old.timer"
    host.path(path).parent.mkdir(parents=True)
    host.path(path).write_text("[Timer]\n")
    host.unit("clm-old.timer", enabled="enabled", active="active", sub="waiting")
    wanted = {"units": [{"name": "clm-old.timer", "state": "absent", "watches": []}], "absent": [path]}
    assert arrange.perform(host.call(**wanted))["changed"] == ["unit clm-old.timer", f"file {path}"]
    assert host.told == ["disable --now clm-old.timer", "daemon-reload"]
    assert arrange.perform(host.call(**wanted)) == {"changed": []}
    arrange.restore(host.call("restore", **wanted))
    assert host.path(path).exists()
    assert host.told[-2:] == ["enable clm-old.timer", "restart clm-old.timer"]


def test_a_timer_runs_while_it_waits(host: Host) -> None:
    """So a second run leaves it alone."""
    host.unit("clm.timer", enabled="enabled", active="active", sub="waiting")
    wanted = {"units": [{"name": "clm.timer", "state": "running", "watches": []}]}
    assert arrange.perform(host.call(**wanted)) == {"changed": []}
