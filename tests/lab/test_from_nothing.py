"""From an empty directory to a running release, by the very commands of docs/first-environment.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "first-environment.md"
LIMIT = 240  # seconds for all commands


@pytest.fixture(scope="module")
def bare_lab() -> Iterator[Lab]:
    """Three hosts with nothing but systemd, Python and sshd, and an S3 server with two empty buckets."""
    spec = LabSpec(name=f"bare{os.getpid()}", apps=0, workers=0, balancer=False, databases=0, backup=False, bare=3)
    try:
        yield Lab.up(spec)
    finally:
        take_down(spec.name)


def blocks() -> list[str]:
    """The guide's blocks of shell commands; the first one is what its reader fills in."""
    return re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def own_values(lab: Lab, tmp_path: Path) -> dict[str, str]:
    """What a reader with this lab's hosts would fill in."""
    host = lab.host("bare1")
    addresses = {f"WEB{n}": lab.host(f"bare{n}").address for n in (1, 2, 3)}
    return {
        "CHECKOUT": str(ROOT), **addresses, "SSH_USER": "deploy", "SSH_KEY": str(host.ssh.key),
        "HOST_KEYS": str(host.ssh.known_hosts), "S3_ENDPOINT": lab.storage.endpoint, "S3_CA": str(lab.storage.ca_file),
        "CLM_S3_ACCESS_KEY": lab.storage.access_key, "CLM_S3_SECRET_KEY": lab.storage.secret_key.reveal(),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
    }  # fmt: skip


def test_a_newcomer_gets_there(bare_lab: Lab, tmp_path: Path) -> None:
    """Nothing but the guide's commands, in order, in an empty directory: the application answers on all three hosts."""
    asked, *commands = blocks()
    values = own_values(bare_lab, tmp_path)
    assert set(re.findall(r"(\w+)=", asked)) <= set(values), "the guide asks for something that this test does not give"
    empty = tmp_path / "empty"
    empty.mkdir()
    script = "set -euxo pipefail\n" + "".join(commands)
    done = subprocess.run(
        ["bash", "-c", script], cwd=empty, env=values, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for n in (1, 2, 3):
        with urllib.request.urlopen(f"http://{bare_lab.host(f'bare{n}').address}:8000/version", timeout=5) as answer:
            assert answer.read() == b'{"version": "1.0.0"}'
    shown = done.stdout.partition("Looks")[0]
    assert all(f"web{n}" in shown for n in (1, 2, 3))
