"""The lab itself: real hosts, put up in seconds, broken and mended, taken down without a trace."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from clmdeploy.config.loading import load
from clmdeploy.lab import Lab, LabSpec, roles
from clmdeploy.lab.host import LabHost
from clmdeploy.lab.machine import LabError, cgroup_root
from clmdeploy.lab.removal import take_down
from clmdeploy.lab.state import STATE, standing
from clmdeploy.model.errors import HostUnreachable, UsageError

BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")


def traces() -> dict[str, set[str]]:
    """Everything by which a lab shows on the machine."""
    return {
        "namespaces": set(_listed("ip", "netns")),
        "interfaces": {line.split(":")[1].split("@")[0].strip() for line in _listed("ip", "-o", "link")},
        "tables": set(_listed("nft", "list", "tables")),
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "cgroups": {path.name for path in cgroup_root().iterdir() if path.is_dir()},
        "processes": {line for line in _listed("ps", "-ewwo", "args") if "supervisor.py" in line or "nspawn" in line},
        "directories": {path.name for path in STATE.iterdir()},
    }


def left_behind(before: dict[str, set[str]]) -> set[str]:
    """What is on the machine since `before` and belongs to no lab that stands (other people's labs may come and go)."""
    standing_labs = [directory.record() for directory in standing()]
    owned = tuple(word for lab in standing_labs for word in (lab.tag, f"{STATE}/{lab.spec.name}/"))
    names = {lab.spec.name for lab in standing_labs}
    new = set().union(*(found - before[kind] for kind, found in traces().items()))
    return {trace for trace in new if trace not in names and not any(word in trace for word in owned)}


def _listed(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()


def clmdeploy(*words: str) -> str:
    """What the command line prints to stdout."""
    argv = (str(Path(sys.executable).with_name("clmdeploy")), *words)
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for this module alone: what is broken here is nobody else's, and its hosts are bare."""
    spec = LabSpec(name=f"lab{os.getpid()}")
    try:
        yield Lab.up(spec, progress=print)
    finally:
        take_down(spec.name)


@pytest.fixture
def app(lab: Lab) -> Iterator[LabHost]:
    """An application host that the test may break."""
    host = lab.host("app3")
    yield host
    if host.state == "off":
        host.start()
    host.thaw()
    host.heal()
    host.unfill()


def test_every_host_is_a_debian_13_system_of_its_own(lab: Lab) -> None:
    """Each host runs Debian 13 with systemd as process 1, under its own name, machine-id and boot id."""
    identities = set()
    for host in lab.hosts.values():
        release = host.run(["sh", "-c", ". /etc/os-release; echo $ID-$VERSION_ID"]).stdout.strip()
        assert (release, host.run(["cat", "/proc/1/comm"]).stdout.strip()) == ("debian-13", "systemd")
        assert host.run(["hostname"]).stdout.strip() == host.name
        identities.add(host.run(["cat", "/etc/machine-id", BOOT_ID[1]]).stdout)
    assert len(identities) == len(lab.hosts)


def test_a_host_with_another_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    """SSH to a host goes through only with the host key that the lab gave it."""
    app1, app2 = lab.host("app1").ssh, lab.host("app2").ssh
    pinned = tmp_path / "known_hosts"
    pinned.write_text(
        app1.known_hosts.read_text().replace(app1.address + " ", "x ").replace(app2.address, app1.address)
    )
    with pytest.raises(HostUnreachable, match=r"[Hh]ost key"):
        type(app1)("app1", app1.address, app1.key, pinned).run(["true"])


def test_application_hosts_are_bare_but_for_the_environment_file(lab: Lab) -> None:
    """An application host has nothing of the tool's on it, only the file that an administrator would have written."""
    found = lab.host("app1").run(["find", "/opt", "-printf", "%p %u:%g %m\n"]).stdout.splitlines()
    assert sorted(found) == [
        "/opt root:root 755",
        "/opt/clm root:root 755",
        "/opt/clm/shared root:root 755",
        "/opt/clm/shared/clm.env root:root 600",
    ]
    assert f"CLM_DATABASE_URL={lab.database_url}\n" in lab.host("app1").run(["cat", "/opt/clm/shared/clm.env"]).stdout


def test_the_inventory_is_a_valid_environment(lab: Lab) -> None:
    """The tool loads the lab's inventories without a fault; the operator's account may become root by sudo."""
    loaded = load(lab.inventories, "lab")
    assert [host.name for host in loaded.hosts] == list(lab.hosts)
    ssh = lab.host("app1").ssh
    operator = type(ssh)(ssh.name, ssh.address, ssh.key, lab.inventories / "lab" / "known_hosts", user="deploy")
    assert operator.run(["sudo", "-n", "id", "-un"]).stdout.strip() == "root"


def test_the_command_line_shows_and_reaches_hosts(lab: Lab) -> None:
    """`lab status --json` names every host and its state; `lab ssh` runs a command; `lab inventory` prints the path."""
    shown = json.loads(clmdeploy("lab", "status", "--name", lab.name, "--json"))
    assert {host["name"]: host["state"] for host in shown["hosts"]} == dict.fromkeys(lab.hosts, "running")
    assert clmdeploy("lab", "ssh", "--name", lab.name, "app2", "hostname") == "app2\n"
    assert clmdeploy("lab", "inventory", "--name", lab.name).strip() == str(lab.inventories)


def test_a_name_that_stands_is_refused(lab: Lab) -> None:
    """A second lab of the same name is refused, with the command that makes room for it."""
    with pytest.raises(UsageError) as refused:
        Lab.up(lab.spec)
    assert refused.value.hint == f"clmdeploy lab down --name {lab.name}"


def test_two_labs_side_by_side_and_one_leaves_no_trace(lab: Lab) -> None:
    """A second lab is up in seconds beside the first, disturbs nothing of it, and leaves no trace."""
    before = traces()
    began = time.monotonic()
    second = Lab.up(
        LabSpec(name=f"{lab.name}-b", apps=1, workers=0, balancer=False, databases=0, store=False, backup=False)
    )
    took = time.monotonic() - began
    try:
        assert second.host("app1").address != lab.host("app1").address
        assert second.host("app1").run(BOOT_ID).stdout != lab.host("app1").run(BOOT_ID).stdout
        assert traces()["namespaces"] > before["namespaces"]
    finally:
        second.down()
    assert took < 30
    assert not left_behind(before)
    assert lab.host("app1").run(["true"]).returncode == 0


def test_down_clears_up_after_an_up_that_was_killed(lab: Lab) -> None:
    """After SIGKILL in the middle of `up`, `down` removes everything; a second `down` finds nothing to do."""
    before = traces()
    name = f"{lab.name}-k"
    program = f"from clmdeploy.lab import Lab, LabSpec; Lab.up(LabSpec(name={name!r}, apps=2))"
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        while not any(f"/{name}/" in process for process in traces()["processes"]):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert traces() != before
    finally:
        assert take_down(name)
    assert not left_behind(before)
    assert not take_down(name)


def test_an_up_that_fails_removes_what_it_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a host's service does not get ready, `up` says so and leaves nothing behind."""
    before = traces()

    def broken(*_: object) -> None:
        raise LabError("haproxy does not start")

    monkeypatch.setattr(roles, "await_services", broken)
    with pytest.raises(LabError, match="haproxy does not start"):
        Lab.up(LabSpec(name=f"{lab.name}-f", apps=1, workers=0, databases=0, store=False, backup=False))
    assert not left_behind(before)


def test_a_cut_host_is_unreachable_until_it_is_healed(app: LabHost) -> None:
    """A cut host gives no answer within seconds, and the same boot answers after it is healed."""
    boot = app.run(BOOT_ID).stdout
    app.cut()
    assert app.state == "cut"
    with pytest.raises(HostUnreachable):
        app.run(["true"], timeout=15)
    app.heal()
    assert app.run(BOOT_ID).stdout == boot


def test_a_frozen_host_stands_still_until_it_is_thawed(app: LabHost) -> None:
    """A frozen host gives no answer within seconds, and goes on where it was after it is thawed."""
    boot = app.run(BOOT_ID).stdout
    app.freeze()
    assert app.state == "frozen"
    with pytest.raises(HostUnreachable):
        app.run(["true"], timeout=15)
    app.thaw()
    assert app.run(BOOT_ID).stdout == boot


def test_a_power_loss_keeps_the_disk(app: LabHost) -> None:
    """Killed, even while frozen, a host is off; started again it has its files and is another boot."""
    boot = app.run(BOOT_ID).stdout
    app.run(["tee", "/var/lib/kept"], input="written before the power loss")
    app.freeze()
    app.kill()
    assert app.state == "off"
    with pytest.raises(LabError, match="is off"):
        app.cut()
    app.start()
    assert app.run(["cat", "/var/lib/kept"]).stdout == "written before the power loss"
    assert app.run(BOOT_ID).stdout != boot


def test_a_reboot_is_another_boot(app: LabHost) -> None:
    """After `reboot` returns, the host is ready and has another boot id."""
    boot = app.run(BOOT_ID).stdout
    app.reboot()
    assert app.run(BOOT_ID).stdout != boot


def test_a_wiped_host_is_new_but_shows_its_pinned_key(app: LabHost) -> None:
    """A wiped host has lost its files and its machine-id; its host key is still the pinned one."""
    machine = app.run(["cat", "/etc/machine-id"]).stdout
    app.run(["touch", "/var/lib/kept"])
    app.wipe()
    assert app.run(["test", "-e", "/var/lib/kept"], check=False).returncode == 1
    assert app.run(["cat", "/etc/machine-id"]).stdout != machine


def test_a_full_disk_refuses_writes_until_it_is_drained(app: LabHost) -> None:
    """Below a filled path writes fail with ENOSPC, what was there can be read, and draining works on a frozen host."""
    app.run(["mkdir", "-p", "/opt/clm/releases"])
    app.run(["tee", "/opt/clm/releases/old"], input="old")
    app.fill("/opt/clm/releases", free=1_000_000)
    write = ["dd", "if=/dev/zero", "of=/opt/clm/releases/new", "bs=1M", "count=3"]
    assert "No space left on device" in app.run(write, check=False).stderr
    assert app.run(["cat", "/opt/clm/releases/old"]).stdout == "old"
    free = int(app.run(["stat", "-f", "-c", "%a", "/opt/clm/releases"]).stdout)
    assert free == 0
    app.freeze()
    app.unfill()
    app.thaw()
    app.run(write)
    assert app.run(["ls", "/opt/clm/releases"]).stdout.split() == ["new", "old"]


def test_faults_are_commands_too(lab: Lab, app: LabHost) -> None:
    """`lab fault KIND HOST` does what the methods do."""
    app.run(["mkdir", "-p", "/opt/clm/releases"])
    for kind, state in (("cut", "cut"), ("heal", "running"), ("freeze", "frozen"), ("thaw", "running")):
        clmdeploy("lab", "fault", kind, app.name, "--name", lab.name)
        assert app.state == state
    clmdeploy("lab", "fault", "fill", app.name, "--name", lab.name)
    full = app.run(["dd", "if=/dev/zero", "of=/opt/clm/releases/x", "count=1"], check=False)
    assert "No space left on device" in full.stderr
    clmdeploy("lab", "fault", "drain-disk", app.name, "--name", lab.name)
    app.run(["dd", "if=/dev/zero", "of=/opt/clm/releases/x", "count=1"])


def test_the_store_has_conditional_writes(lab: Lab) -> None:
    """Of two creations of one key the second is refused, and so is a change of an object that is not the one read."""
    client, bucket = lab.storage.client(), lab.storage.state_bucket
    tag = client.put_object(Bucket=bucket, Key="lab/conditional", Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"00000000000000000000000000000000"'}):
        with pytest.raises(ClientError) as refused:
            client.put_object(Bucket=bucket, Key="lab/conditional", Body=b"2", **condition)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    client.put_object(Bucket=bucket, Key="lab/conditional", Body=b"3", IfMatch=tag)


def test_the_store_refuses_strangers(lab: Lab) -> None:
    """Nobody reads or writes without keys, the operator can't make buckets, and internal ports are closed."""
    address = lab.host("store1").address
    for method in ("GET", "PUT"):
        assert _status(f"{lab.storage.endpoint}/{lab.storage.state_bucket}/x", method, lab.storage.ca_file) == 403
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.storage.client().create_bucket(Bucket="another")
    listening = lab.host("store1").run(["ss", "-Hltn"]).stdout
    ports = {int(port) for port in re.findall(rf"{re.escape(address)}:(\d+)", listening)} - {8334}
    assert len(ports) > 5, "the S3 server's internal ports are what this test is about"
    assert not [port for port in sorted(ports) if _answers(address, port)]


def _status(url: str, method: str = "GET", ca_file: Path | None = None) -> int:
    """The HTTP status that somebody without keys gets."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, parts.path or "/")
        return connection.getresponse().status


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex((address, port)) == 0


def test_the_store_persists(lab: Lab) -> None:
    """An object that was acknowledged is there after the store lost its power."""
    client, bucket = lab.storage.client(), lab.storage.release_bucket
    body = os.urandom(3_000_000)
    client.put_object(Bucket=bucket, Key="lab/kept", Body=body)
    lab.host("store1").kill()
    lab.host("store1").start()
    assert client.get_object(Bucket=bucket, Key="lab/kept")["Body"].read() == body


def test_the_database_takes_the_application_only(lab: Lab) -> None:
    """PostgreSQL 17 takes the application's password from its hosts, no wrong one, and no other account."""
    app = lab.host("app1")

    def asked(url: str) -> subprocess.CompletedProcess[str]:
        return app.run(["psql", "-XAt", "-c", "SHOW server_version; SHOW server_encoding", url], check=False)

    assert re.match(r"17\..*\nUTF8\n", asked(lab.database_url).stdout)
    assert "authentication failed" in asked(re.sub(r":\w{32}@", ":wrong@", lab.database_url)).stderr
    assert "no pg_hba.conf entry" in asked(lab.database_url.replace("//clm:", "//postgres:")).stderr


def test_the_balancer_starts_before_its_servers(lab: Lab) -> None:
    """With no application up haproxy answers 503; its servers are named as the hosts of the inventory."""
    assert _status(lab.url) == 503
    ask = "import socket as s; c = s.socket(s.AF_UNIX); c.connect('/run/haproxy/admin.sock'); "
    ask += "c.sendall(b'show servers state\\n'); print(c.makefile().read())"
    state = lab.host("lb1").run(["python3", "-c", ask]).stdout
    servers = {tuple(line.split()[1:4:2]) for line in state.splitlines() if "clm_" in line}
    assert servers == {("clm_web", "app1"), ("clm_web", "app2"), ("clm_web", "app3"), ("clm_content", "worker1")}
