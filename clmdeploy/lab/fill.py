"""A full disk: writes below one path of a host fail with ENOSPC until it is drained.

An overlay whose upper layer is a small tmpfs is mounted over the path. What was there can be read and removed as on any
full disk, `df` shows what is left, and draining carries over what was written meanwhile. All is done from outside, in
the host's mount namespace: it works on a frozen host and without a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from clmdeploy.lab.cgroup import Cgroup
from clmdeploy.lab.machine import LabError, run_program
from clmdeploy.model.errors import UsageError

_HOME = PurePosixPath("/run/clmdeploy-lab/fill")


@dataclass(frozen=True)
class Filling:
    """One filled path of one host."""

    path: PurePosixPath
    free: int
    """Bytes that can still be written."""

    def __post_init__(self) -> None:
        if not self.path.is_absolute() or len(self.path.parts) < 2 or ".." in self.path.parts:
            raise UsageError(f"{self.path} can't be filled: name a directory below /", "--path /opt/clm/releases")
        if any(character in str(self.path) for character in ",:\\\n"):
            raise UsageError(f"{self.path!s} can't be filled: ',', ':' and '\\' have a meaning for mount")
        if self.free < 0:
            raise UsageError(f"{self.free} bytes can't be left free")

    @property
    def home(self) -> PurePosixPath:
        """Where the host keeps the small disk and the way to what is below it."""
        return _HOME / str(self.path).strip("/").replace("%", "%25").replace("/", "%2F")


class Filler:
    """Fills and drains paths of one host that is running, maybe frozen."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup

    def fill(self, filling: Filling) -> None:
        """Raises LabError when the path is no directory of the host, is filled already, or the host is off."""
        if filling.home.name in self._filled():
            raise LabError(f"{filling.path} of {self._cgroup.path.name} is filled already")
        if self._within(("test", "-d", str(filling.path)), check=False):
            raise LabError(f"{filling.path} is no directory of {self._cgroup.path.name}")
        small, real = filling.home / "small", filling.home / "real"
        self._within(("mkdir", "-p", str(small), str(real)))
        # One page is what the overlay's own bookkeeping takes; size=0 would mean no limit.
        self._within(("mount", "-t", "tmpfs", "-o", f"size={filling.free + 4096},mode=700", "tmpfs", str(small)))
        self._within(("mount", "--bind", "--make-private", str(filling.path), str(real)))
        self._within(("mkdir", str(small / "upper"), str(small / "work")))
        self._take_rest(filling, small)
        self._copy_mode(filling.path, small / "upper")
        layers = f"lowerdir={real},upperdir={small}/upper,workdir={small}/work,redirect_dir=on"
        self._within(("mount", "-t", "overlay", "-o", layers, "overlay", str(filling.path)))

    def drain(self) -> None:
        """Undo every filling of the host; what was written meanwhile stays. Nothing filled: nothing is done."""
        for name in self._filled():
            path = "/" + name.replace("%2F", "/").replace("%25", "%")
            home = _HOME / name
            self._within(("rsync", "-aHAX", "--delete", f"{path}/", f"{home}/real/"), timeout=300)
            # Lazily: a service whose working directory is in there keeps it until it restarts.
            for mounted in (path, f"{home}/real", f"{home}/small"):
                self._within(("umount", "--lazy", mounted))
            self._within(("rmdir", f"{home}/real", f"{home}/small", str(home)))

    def _filled(self) -> tuple[str, ...]:
        listed = self._output(("find", str(_HOME), "-mindepth", "1", "-maxdepth", "1", "-printf", "%f\\n"))
        return tuple(listed.splitlines())

    def _take_rest(self, filling: Filling, small: PurePosixPath) -> None:
        if filling.free == 0:
            self._within(("dd", "if=/dev/zero", f"of={small}/ballast", "bs=4096", "count=1", "status=none"))

    def _copy_mode(self, source: PurePosixPath, target: PurePosixPath) -> None:
        self._within(("chown", f"--reference={source}", str(target)))
        self._within(("chmod", f"--reference={source}", str(target)))

    def _within(self, argv: Sequence[str], *, timeout: float = 30, check: bool = True) -> int:
        return run_program((*self._entry(), *argv), timeout=timeout, check=check).returncode

    def _output(self, argv: Sequence[str]) -> str:
        return run_program((*self._entry(), *argv), check=False).stdout

    def _entry(self) -> tuple[str, ...]:
        return ("nsenter", "--target", str(self._cgroup.init_process()), "--mount", "--pid", "--root", "--wd")
