"""The ground that cases stand on: a small lab, the proxy before its storage, and states to begin from."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from clmdeploy.lab import Lab
from clmdeploy.lab.demo.report import Measurement
from clmdeploy.lab.demo.traffic import Traffic
from clmdeploy.lab.machine import cgroup_root
from clmdeploy.lab.proxy_wire import S3Request
from clmdeploy.lab.sample import write_release
from clmdeploy.lab.storage_proxy import StorageProxy
from tests.faults.baseline import Baseline
from tests.faults.bucket import StateBucket
from tests.faults.case import Work
from tests.faults.control_node import ControlNode
from tests.faults.state import FleetState, rotation

TIME_TO_LIVE = 5  # seconds of a lease: the least that is allowed; every kill waits for it
SUBSCRIBERS = 500
RATE = 30.0  # requests a second
WORDS: Mapping[Work, tuple[str, ...]] = {
    "deploy": ("deploy", "1.1.0", "--yes", "--soak", "1", "--no-restore-point", "a test"),
    "rollback": ("rollback", "--to", "1.0.0", "--yes"),
}
_SEED = (
    "systemd-run", "--quiet", "--wait", "--pipe", "--property=User=clm",
    "--property=EnvironmentFile=/opt/clm/shared/clm.env", "/opt/clm/current/bin/seed", "--subscribers",
    str(SUBSCRIBERS), "--if-empty",
)  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """`begins` and `ends`: by kind of work, the state before it and the one that it leaves when nothing befalls it."""

    lab: Lab
    proxy: StorageProxy
    place: Path
    inventories: Path
    begins: dict[Work, Baseline] = field(default_factory=dict)
    ends: dict[Work, FleetState] = field(default_factory=dict)
    plans: dict[Work, dict[str, Any]] = field(default_factory=dict)
    writes: dict[Work, tuple[S3Request, ...]] = field(default_factory=dict)
    """what the control node stored, in order, when nothing befell it"""

    @cached_property
    def bucket(self) -> StateBucket:
        return StateBucket(self.lab)

    @cached_property
    def traffic(self) -> Traffic:
        return Traffic(self.lab, RATE, SUBSCRIBERS)

    @cached_property
    def node(self) -> ControlNode:
        """The control node that work begins on."""
        return self.control_node("node-1")

    def control_node(self, name: str) -> ControlNode:
        """A fresh one that has the inventory and nothing else."""
        return ControlNode.made(name, self.place, self.inventories, self._groups / name)

    @contextlib.contextmanager
    def another_node(self, name: str = "node-2") -> Iterator[ControlNode]:
        """A second control node for the length of the block."""
        node = self.control_node(name)
        try:
            yield node
        finally:
            node.removed()

    @property
    def _groups(self) -> Path:
        return cgroup_root() / f"flt-control-{os.getpid()}"

    def prepare(self) -> None:
        """Hosts set up, two releases published, each kind of work done once with nothing befalling it."""
        self.node("host", "setup", "--yes").expecting(0)
        for version in ("1.0.0", "1.1.0"):
            self._publish(version)
        at_once = ("--strategy", "all-at-once", "--soak", "0", "--no-restore-point", "a test")
        self.node("deploy", "1.0.0", "--yes", *at_once).expecting(0)
        self.lab.host("app1").run(_SEED)
        for work, schema in (("deploy", 1), ("rollback", 2)):
            self._rehearse(work, schema)  # type: ignore[arg-type]  # the two kinds of work

    def _publish(self, version: str) -> None:
        source = write_release(version, self.place / version)
        built = self.node("release", "build", str(source), "--out", str(self.place / "bundles"), "--json").expecting(0)
        self.node("release", "publish", built.json["bundle"], "-e", "lab").expecting(0)

    def _rehearse(self, work: Work, schema: int) -> None:
        self.begins[work] = Baseline.kept(self.lab, work, schema)
        self.plans[work] = self.node(*WORDS[work], "--dry-run", "--json").expecting(0).json["plan"]
        self.proxy.passed.clear()
        self.node(*WORDS[work]).expecting(0)
        self.writes[work] = tuple(request for request, _ in self.proxy.passed if request.method == "PUT")
        self.ends[work] = FleetState.of(self.lab)

    def begin(self, work: Work) -> None:
        """The state that this work begins from, and an empty journal; tokens go on rising."""
        self.proxy.clear()
        self.proxy.accept()
        self.begins[work].put_back(self.lab, FleetState.of(self.lab))
        self.bucket.forget("changes/", "journal/")
        self._await_rotation()

    def put_in_order(self) -> None:
        """After a case that failed: end what still runs, and forget leases, tokens and work that was never shipped."""
        self.proxy.clear()
        self.proxy.accept()
        self.node.lose()
        shutil.rmtree(self.node.home / ".local", ignore_errors=True)
        self.bucket.forget("lease/")
        hosts = [host for host in self.lab.hosts.values() if host.group in ("app", "worker", "lb")]
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda host: host.run(("rm", "-f", "/var/lib/clmdeploy/tokens.json")), hosts))

    def _await_rotation(self) -> None:
        """The balancer's own checks take up to two seconds to see a restarted service."""
        deadline = time.monotonic() + 20
        while set(rotation(self.lab).values()) != {"UP"} and time.monotonic() < deadline:
            time.sleep(0.3)

    @contextlib.contextmanager
    def users(self, wanted: bool) -> Iterator[list[Measurement]]:
        """Users ask meanwhile; what they saw is in the list when the block has ended."""
        seen: list[Measurement] = []
        if not wanted:
            yield seen
            return
        with self.traffic.flowing("case", seen.append):
            yield seen

    def close(self) -> None:
        """End the control nodes."""
        self.node.removed()
        with contextlib.suppress(OSError):
            self._groups.rmdir()


@contextlib.contextmanager
def standing(lab: Lab, place: Path) -> Iterator[Ground]:
    """A prepared ground on a lab that was just put up."""
    with lab.storage_proxy() as proxy:
        ground = Ground(lab, proxy, place, _inventories(lab, place / "inventories", proxy.endpoint))
        try:
            ground.prepare()
            yield ground
        finally:
            ground.close()


def _inventories(lab: Lab, copy: Path, endpoint: str) -> Path:
    """The lab's, with the proxy for a storage and an impatient lease."""
    shutil.copytree(lab.inventories, copy)
    file = copy / "lab" / "clm.yml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    settings["storage"]["endpoint"] = endpoint
    settings["lease"] = {"time_to_live": TIME_TO_LIVE}
    file.write_text(yaml.safe_dump(settings), "utf-8")
    return copy
