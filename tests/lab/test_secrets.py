"""No secret is left anywhere: a deploy is watched while it runs, and everything that it leaves is searched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.command_line import Ran, publish
from tests.lab.craft import variant
from tests.lab.fleet import AT_ONCE, MEMBERS, NO_RESTORE_POINT, Fleet

pytestmark = pytest.mark.timeout(900)
VERSION = "8.4.0"
INTERVAL = 0.05  # seconds between two looks at all processes; ssh, Ansible and sudo live longer
PRESIGNED = "X-Amz-Signature"
PLACES = ("/var/lib", "/var/log", "/var/tmp", "/opt", "/etc", "/tmp", "/run", "/root", "/home", "/dev/shm")
OWN = "/opt/clm/shared/clm.env"  # the administrator's file, for root only, whose purpose is to hold the password


@pytest.fixture(scope="module")
def secrets(fleet: Fleet) -> dict[str, str]:
    """What must never be found, by name."""
    files = fleet.lab.inventories / "lab" / "secrets"
    password = fleet.lab.database_url.split(":")[2].partition("@")[0]
    ssh_key = Path(fleet.lab.host("app1").ssh.key).read_text().splitlines()[3]
    return {
        "S3 secret key": (files / "s3-secret-key").read_text().strip(),
        "signing key": (files / "signing-key").read_text().splitlines()[3],
        "SSH key": ssh_key,
        "database password": password,
        "presigned address": PRESIGNED,
    }


class ProcessWatch:
    """Remembers the argument lists of all processes of this machine, those of the lab's hosts among them."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(10)

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    self._remember(process / "cmdline")

    def _remember(self, file: Path) -> None:
        try:
            self.seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            return


@pytest.fixture(scope="module")
def watch() -> ProcessWatch:
    return ProcessWatch()


@pytest.fixture(scope="module")
def deployed(fleet: Fleet, watch: ProcessWatch, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A release that no host has yet is deployed, as talkatively as possible, and watched."""
    fleet.bring_to("1.2.0")
    place = tmp_path_factory.mktemp("release")
    publish(fleet.clmdeploy, variant(place, VERSION), place / "out").expecting(0)
    words = ("--verbose", "--debug", "deploy", VERSION, "-e", "lab", "--yes", *AT_ONCE, *NO_RESTORE_POINT)
    with watch.watching():
        return fleet.clmdeploy(*words).expecting(0)


def test_not_in_what_is_printed(deployed: Ran, secrets: dict[str, str]) -> None:
    """Neither on stdout nor on stderr, however much was asked for."""
    assert found_in(deployed.said, secrets) == []


def test_not_in_arguments(deployed: Ran, watch: ProcessWatch, secrets: dict[str, str]) -> None:
    """In no argument list of any process, here or on the hosts: these are there for everybody to read."""
    assert deployed.code == 0
    everything = "\n".join(watch.seen)
    assert "ansible-playbook" in everything, "the watch has seen the deploy"
    assert "acts.pyz" in everything, "and its acts on the hosts"
    assert [line for line in watch.seen if found_in(line, secrets)] == []


def test_not_in_the_buckets(fleet: Fleet, deployed: Ran, secrets: dict[str, str]) -> None:
    """In no object: plans, events, leases, releases."""
    assert deployed.code == 0
    bodies = dict(objects(fleet.lab.storage.client(), fleet.lab.storage.state_bucket))
    bodies |= dict(objects(fleet.lab.storage.client(), fleet.lab.storage.release_bucket))
    assert any("/events/" in key for key in bodies)
    assert {key: names for key, body in bodies.items() if (names := found_in(body, secrets))} == {}


def objects(client: Any, bucket: str) -> Iterator[tuple[str, str]]:  # Any: boto3 makes its clients at run time
    """Key and content of every object."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            yield f"{bucket}/{item['Key']}", body.decode(errors="replace")


@pytest.mark.parametrize("host", [*MEMBERS, "lb1"])
def test_not_on_the_hosts(fleet: Fleet, deployed: Ran, host: str, secrets: dict[str, str]) -> None:
    """In no file that stays, nor in the system's log."""
    assert deployed.code == 0
    patterns = "\n".join(secrets.values()) + "\n"
    search = ("grep", "-rlaF", "--devices=skip", "-f", "-", *PLACES)
    found = fleet.lab.host(host).run(search, input=patterns, check=False).stdout.splitlines()
    assert [file for file in found if file != OWN] == []
    log = "journalctl --no-pager --output=export | grep -caF -f /dev/fd/3 3<&0 </dev/null"
    assert fleet.lab.host(host).run(("bash", "-c", log), input=patterns, check=False).stdout.strip() == "0"


def test_not_on_this_machine(fleet: Fleet, deployed: Ran, secrets: dict[str, str]) -> None:
    """In nothing that the control node keeps for itself, and no throwaway directory is left."""
    assert deployed.code == 0
    home = Path(fleet.clmdeploy.environ["HOME"])
    kept = [file for file in home.rglob("*") if file.is_file()]
    assert {str(file): names for file in kept if (names := found_in(file.read_text(errors="replace"), secrets))} == {}
    assert leftovers() == []


def leftovers() -> list[Path]:
    """Run directories whose process has ended."""
    deadline = time.monotonic() + 10
    while True:
        left = [
            one for one in Path("/dev/shm").glob("clmdeploy-*") if not Path("/proc", one.name.split("-")[1]).exists()
        ]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """Names of the secrets that `text` holds."""
    return [name for name, secret in secrets.items() if secret in text]
