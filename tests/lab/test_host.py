"""`host` on real hosts: preparing them, asking them, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import yaml

from tests.lab.fleet import MEMBERS, Fleet


def test_a_second_setup_changes_nothing(fleet: Fleet) -> None:
    """Idempotent by its own count and by the files on the hosts."""
    before = fleet.traces()
    ran = fleet.clmdeploy("host", "setup", "-e", "lab", "--yes", "--json").expecting(0)
    assert {host["host"]: host["changed"] for host in ran.json["hosts"]} == dict.fromkeys(
        [*MEMBERS, "lb1", "db1", "db2", "backup1"], 0
    )
    assert fleet.traces() == before


def test_setup_asks_first(fleet: Fleet) -> None:
    """Without a terminal and without --yes nothing is done, and the flag is named."""
    ran = fleet.clmdeploy("host", "setup", "-e", "lab").expecting(2)
    assert "--yes" in ran.stderr


def test_a_host_of_another_environment_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    """A wrong inventory can't take hosts over: exit code 4, the host is named, its record stays."""
    copy = shutil.copytree(fleet.lab.inventories, tmp_path / "inventories")
    path = copy / "lab" / "clm.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "uuid": str(uuid.uuid4())}))
    record = fleet.lab.host("app1").run(["cat", "/var/lib/clmdeploy/host.json"]).stdout
    words = ("host", "setup", "-e", "lab", "--limit", "app1", "--yes")
    ran = fleet.clmdeploy("--inventories", str(copy), *words).expecting(4)
    assert "app1: this host is set up already as app1 of environment" in ran.stderr
    assert fleet.lab.host("app1").run(["cat", "/var/lib/clmdeploy/host.json"]).stdout == record


def test_commands_can_look_but_not_touch(fleet: Fleet) -> None:
    """Files are read-only, nothing is left in /tmp, nobody can be signalled; words reach the command as they are."""
    places = "/opt/clm/shared /run /run/lock /dev/shm /var/lib/clmdeploy /var/tmp/../lib /etc"
    script = f'for place in {places}; do touch $place/x && echo $place; done; touch /tmp/z; kill 1; id -un; echo "$0"'
    words = ("host", "exec", "-e", "lab", "app", "--json", "--", "sh", "-c", script, "{{ 7 * 7 }} $HOME %h")
    ran = fleet.clmdeploy(*words).expecting(0)
    assert set(ran.json["hosts"]) == {"app1", "app2", "app3"}
    for answer in ran.json["hosts"].values():
        assert answer["stdout"].splitlines() == ["clm", "{{ 7 * 7 }} $HOME %h"]
        assert "Read-only file system" in answer["stderr"]
        assert "not permitted" in answer["stderr"]
    left = fleet.lab.host("app1").run(["sh", "-c", "ls /tmp/z"], check=False)
    assert left.stdout == ""


def test_a_command_that_fails_is_named_with_its_host(fleet: Fleet) -> None:
    """Exit code 4, and lines begin with the host's name where there are several."""
    ran = fleet.clmdeploy("host", "exec", "-e", "lab", "app", "--", "cat", "/nonexistent").expecting(4)
    assert "app2: exit code 1" in ran.stderr
    assert "app2 | cat: /nonexistent: No such file or directory" in ran.stderr


def test_endless_output_and_endless_commands_end(fleet: Fleet) -> None:
    """What never stops is cut; the host is none the worse."""
    cut = fleet.clmdeploy("host", "exec", "-e", "lab", "lb1", "--json", "--", "cat", "/dev/zero").expecting(4)
    assert cut.json["hosts"]["lb1"]["cut"]
    slow = fleet.clmdeploy("host", "exec", "-e", "lab", "lb1", "--timeout", "1", "--", "sleep", "60").expecting(4)
    assert "no end after 1 s" in slow.stderr


def test_control_characters_do_not_reach_the_terminal(fleet: Fleet) -> None:
    """A host's words can't steer the administrator's screen."""
    ran = fleet.clmdeploy("host", "exec", "-e", "lab", "app1", "--", "printf", r"\033[2Jgone\n").expecting(0)
    assert "\x1b" not in ran.stdout
    assert "gone" in ran.stdout


def test_logs_are_those_of_the_release(fleet: Fleet) -> None:
    """The release's own units by default, others by name."""
    ran = fleet.clmdeploy("host", "logs", "-e", "lab", "app1", "--lines", "20", "--json").expecting(0)
    assert ran.json["hosts"]["app1"]["units"] == ["clm-web.service"]
    assert "clm-web" in ran.json["hosts"]["app1"]["text"]
    named = fleet.clmdeploy("host", "logs", "-e", "lab", "lb1", "haproxy.service").expecting(0)
    assert "haproxy" in named.stdout


def test_facts_tell_what_runs(fleet: Fleet) -> None:
    """Version, services and system of each host; hosts that clmdeploy never touches are refused by name."""
    ran = fleet.clmdeploy("host", "facts", "-e", "lab", "worker1", "--json").expecting(0)
    (facts,) = ran.json["hosts"]
    assert facts["version"] == fleet.releases["worker1"]
    assert facts["services"][0]["units"] == {"clm-worker.service": "active"}
    assert "not managed" in fleet.clmdeploy("host", "facts", "-e", "lab", "store1").expecting(2).stderr


def test_fabric_tasks_run_alone(fleet: Fleet, tmp_path: Path) -> None:
    """`fab facts` needs no environment, but a pinned host key: an unknown host is refused."""
    ssh = fleet.lab.host("app1").ssh
    fab = [str(Path(sys.executable).with_name("fab")), "-r", "clmdeploy/tasks", "-c", "fab", "-i", str(ssh.key)]
    command = [*fab, "-H", f"root@{ssh.address}", "facts"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CLM_KNOWN_HOSTS": str(ssh.known_hosts)}
    root = Path(__file__).parents[2]
    told = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(told.stdout)["reachable"] is True
    empty = tmp_path / "known_hosts"
    empty.touch()
    environ["CLM_KNOWN_HOSTS"] = str(empty)
    refused = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode != 0
    assert "not found in known_hosts" in refused.stderr
