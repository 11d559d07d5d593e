"""What can befall a host, and how it is mended: link, power, a system that hangs, a full disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clmdeploy.lab.host import LabHost
from clmdeploy.model.errors import HostUnreachable

_GOING_DOWN = 30.0  # seconds until a host that was told to reboot stops answering
_DROP_IN = "/etc/systemd/system/clm-web.service.d/flt.conf"
_FOR_ONE = """
[Service]
ExecStartPre=/bin/sh -c 'case $$(readlink /opt/clm/current) in *{version}-*) {command};; esac'
"""


@dataclass(frozen=True)
class Mishap:
    """`mend` is safe on a host that it never befell. `passing`: the tool may well get its work done in spite of it."""

    name: str
    befall: Callable[[LabHost], None]
    mend: Callable[[LabHost], None]
    passing: bool = False
    power: bool = False
    """whether the host starts anew"""

    @contextlib.contextmanager
    def ready(self, host: LabHost) -> Iterator[None]:
        """The host is mended when the block ends, however it ends."""
        try:
            yield
        finally:
            self.mend(host)


def _reboot(host: LabHost) -> None:
    """Returns when it is down, or up again."""
    before = _boot_id(host)
    host.run(("systemd-run", "--quiet", "--no-block", "systemctl", "reboot"), timeout=20)
    deadline = time.monotonic() + _GOING_DOWN
    while _boot_id(host) == before:
        assert time.monotonic() < deadline, f"{host.name} does not go down"
        time.sleep(0.1)


def _boot_id(host: LabHost) -> str:
    """Empty when it does not answer."""
    try:
        return host.run(("cat", "/proc/sys/kernel/random/boot_id"), timeout=10).stdout.strip()
    except HostUnreachable:
        return ""


def full(path: str) -> Mishap:
    """Not a byte can be written below `path`."""
    return Mishap(f"{path} full", lambda host: host.fill(path), LabHost.unfill, passing=True)


def unstartable(version: str) -> Mishap:
    """The web service of one version, and of no other, does not start on the host."""
    text = _FOR_ONE.format(version=version, command="exit 1")
    return Mishap("unwell", lambda host: _drop_in(host, text), _without_drop_in)


def slow_to_start(seconds: int, version: str) -> Mishap:
    """The web service of one version takes its time to start on the host."""
    text = _FOR_ONE.format(version=version, command=f"sleep {seconds}")
    return Mishap("slow", lambda host: _drop_in(host, text), _without_drop_in, passing=True)


def _drop_in(host: LabHost, text: str) -> None:
    host.run(("install", "-D", "-m", "644", "/dev/stdin", _DROP_IN), input=text)
    host.run(("systemctl", "daemon-reload"))


def _without_drop_in(host: LabHost) -> None:
    host.run(("rm", "-f", _DROP_IN))
    host.run(("systemctl", "daemon-reload"))


CUT = Mishap("cut off", LabHost.cut, LabHost.heal)
FROZEN = Mishap("frozen", LabHost.freeze, LabHost.thaw)
KILLED = Mishap("killed", LabHost.kill, LabHost.start, power=True)
REBOOTED = Mishap("rebooted", _reboot, LabHost.await_ready, passing=True, power=True)
