"""One host of a lab: commands on it, and everything that can happen to it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from clmdeploy.lab import power, roles
from clmdeploy.lab.cgroup import Cgroup
from clmdeploy.lab.disk import write_disk
from clmdeploy.lab.facts import LabFacts
from clmdeploy.lab.fill import Filler, Filling
from clmdeploy.lab.machine import LabError
from clmdeploy.lab.network import Network
from clmdeploy.lab.spec import HostSpec
from clmdeploy.lab.ssh import Ssh
from clmdeploy.model.errors import HostUnreachable

State = Literal["running", "frozen", "cut", "off"]

START_LIMIT = 120.0  # seconds from power on to a settled host; one alone takes 1, thirty on two cores 15
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class LabHost:
    """A running, frozen, cut off or switched off host. Its disk outlives everything but `wipe`."""

    def __init__(self, facts: LabFacts, spec: HostSpec, directory: Path) -> None:
        self._facts = facts
        self._spec = spec
        self._directory = directory
        self._network = Network(facts.record)
        self._cgroup = Cgroup.of(facts.record.tag, spec.name)

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def group(self) -> str:
        """The inventory group that it belongs to."""
        return self._spec.group

    @property
    def address(self) -> str:
        """IPv4 address on the lab's bridge."""
        return self._facts.record.address(self._spec)

    @property
    def ssh(self) -> Ssh:
        """The way in, as root."""
        return Ssh(self.name, self.address, self._facts.authority.ssh_key, self._facts.authority.known_hosts)

    @property
    def state(self) -> State:
        """What can be told from outside, without asking the host."""
        if not self._cgroup.alive:
            return "off"
        if self._cgroup.frozen:
            return "frozen"
        return "running" if self._network.connected(self._spec) else "cut"

    def run(
        self,
        argv: Sequence[str],
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run an argument vector as root on the host; see `Ssh.run` for what it raises."""
        return self.ssh.run(argv, text=input, timeout=timeout, check=check)

    def processor_seconds(self) -> float:
        """Processor time that it has used since it was made."""
        return self._cgroup.processor_seconds()

    def cut(self) -> None:
        """Pull its network cable."""
        self._network.cut(self._spec)

    def heal(self) -> None:
        """Plug the network cable in again."""
        self._network.heal(self._spec)

    def freeze(self) -> None:
        """Stop every process; the kernel still answers for it on the network. Raises LabError when the host is off."""
        self._require_power()
        self._cgroup.freeze()

    def thaw(self) -> None:
        self._require_power()
        self._cgroup.thaw()

    def kill(self) -> None:
        """Power loss. What the host had written is on its disk; fillings and connections are gone."""
        power.power_off(self._facts.record, self._spec)

    def start(self) -> None:
        """Switch it on and wait until it and its services are ready; a host that is on is left as it is."""
        if not self._cgroup.alive:
            self.switch_on()
            self.await_ready()

    def reboot(self) -> None:
        """Reboot in an orderly way and wait until it is ready again. Raises HostUnreachable when it can't be asked."""
        before = self._boot_id()
        # The answer may be lost with the connection: the boot id tells.
        self.run(("systemd-run", "--quiet", "--no-block", "systemctl", "reboot"), timeout=20)
        deadline = time.monotonic() + START_LIMIT
        while self._boot_id_or(before) == before:
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not reboot within {START_LIMIT:g} s: {self._console()}")
            time.sleep(0.2)
        self.await_ready()

    def wipe(self) -> None:
        """Power loss and a new disk, as it was when the lab came up; then start."""
        self.kill()
        shutil.rmtree(self._directory / "upper", ignore_errors=True)
        self.write_disk()
        self.start()

    def fill(self, path: str = "/opt/clm/releases", free: int = 0) -> None:
        """Let writes below `path` fail with ENOSPC once `free` more bytes are written."""
        self._require_power()
        Filler(self._cgroup).fill(Filling(PurePosixPath(path), free))

    def unfill(self) -> None:
        """Undo every `fill`; what was written meanwhile stays."""
        self._require_power()
        Filler(self._cgroup).drain()

    def write_disk(self) -> None:
        """Give a host that has no disk a new one."""
        entries = roles.entries(self._facts, self._spec)
        write_disk(self._directory / "upper", self._facts.record.layers(self._spec), entries)

    def switch_on(self) -> None:
        """Start it and return at once."""
        power.power_on(self._facts.record, self._spec, self._directory)

    def await_ready(self) -> None:
        """Return once systemd has settled and the role's services answer.

        Raises LabError with the end of the console when that takes longer than START_LIMIT seconds.
        """
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self._settle(deadline)
                break
            except HostUnreachable as error:
                if time.monotonic() > deadline or not self._cgroup.alive:
                    raise LabError(f"{self.name} did not come up ({error.message}): {self._console()}") from error
                time.sleep(0.2)
        roles.await_services(self._facts, self._spec, self.ssh, lambda: self._cgroup.alive)

    def _settle(self, deadline: float) -> None:
        # A banner is not readiness: until boot has ended, only root gets in. "degraded": the services' checks tell.
        left = max(1.0, deadline - time.monotonic())
        answer = self.run(("systemctl", "is-system-running", "--wait"), timeout=left, check=False).stdout.strip()
        if answer not in ("running", "degraded"):
            raise HostUnreachable(f"{self.name} is {answer or 'not answering'}")

    def _boot_id(self) -> str:
        return self.run(("cat", _BOOT_ID), timeout=15).stdout.strip()

    def _boot_id_or(self, unknown: str) -> str:
        try:
            return self._boot_id()
        except HostUnreachable:
            return unknown

    def _require_power(self) -> None:
        if not self._cgroup.alive:
            raise LabError(f"{self.name} is off", self._facts.record.command(f"fault start {self.name}"))

    def _console(self) -> str:
        return power.console_tail(self._directory)
