"""What runs where, asked of the hosts by ssh: the demonstration does not take the tool's own word for it."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor

from clmdeploy.lab.facts import BALANCER_SOCKET, INSTALL_ROOT
from clmdeploy.lab.host import LabHost
from clmdeploy.lab.lab import Lab

_ASK_BALANCER = f"""
import socket
with socket.socket(socket.AF_UNIX) as balancer:
    balancer.settimeout(10)
    balancer.connect({BALANCER_SOCKET!r})
    balancer.sendall(b"show stat\\n")
    print(balancer.makefile().read())
"""


def releases(lab: Lab, *names: str) -> dict[str, str]:
    """Host → version that `current` points to, of all or of those named; "none" before the first install."""
    members = [host for host in lab.hosts.values() if host.group in ("app", "worker")]
    hosts = [host for host in members if not names or host.name in names]
    with ThreadPoolExecutor() as threads:
        return dict(zip((host.name for host in hosts), threads.map(_release, hosts), strict=True))


def _release(host: LabHost) -> str:
    link = host.run(("readlink", f"{INSTALL_ROOT}/current"), check=False).stdout.strip()
    return link.rpartition("/")[2].rpartition("-")[0] or "none"


def out_of_rotation(lab: Lab) -> dict[str, str]:
    """Server of the balancer → its status, of all that are not simply up."""
    text = lab.host("lb1").run(("python3", "-c", _ASK_BALANCER)).stdout
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    servers = (row for row in rows if row["svname"] in lab.hosts)
    return {row["svname"]: row["status"] for row in servers if row["status"] != "UP"}
