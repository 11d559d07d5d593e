"""Where labs that stand are written down, so that every command in another process finds them."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.record import LabRecord, parse_record
from clmdeploy.lab.spec import LabSpec
from clmdeploy.model.errors import UsageError

STATE = Path("/var/lib/clmdeploy-lab")
_RECORD = "lab.json"


@dataclass(frozen=True)
class LabDirectory:
    """One lab's directory; everything that a lab writes to the machine's disk is below it."""

    path: Path

    @property
    def record_file(self) -> Path:
        return self.path / _RECORD

    @property
    def keys(self) -> Path:
        """SSH, signing and TLS keys (0700)."""
        return self.path / "keys"

    @property
    def inventories(self) -> Path:
        return self.path / "inventories"

    @property
    def credentials_file(self) -> Path:
        return self.path / "credentials.json"

    def host(self, name: str) -> Path:
        """Disk, console log and supervisor's orders of one host."""
        return self.path / "hosts" / name

    def record(self) -> LabRecord:
        """Raises LabError when lab.json is damaged or gone."""
        try:
            text = self.record_file.read_text()
        except OSError as error:
            raise LabError(f"{self.record_file}: {error.strerror}", f"remove {self.path} by hand") from error
        return parse_record(text, self.record_file)

    def save(self, record: LabRecord) -> None:
        """Replace lab.json as a whole."""
        beside = self.record_file.with_suffix(".new")
        beside.write_text(record.dump())
        beside.rename(self.record_file)


def standing(state: Path = STATE) -> tuple[LabDirectory, ...]:
    """The labs of this machine, by name. What has no lab.json yet or any more is none."""
    return tuple(LabDirectory(file.parent) for file in sorted(state.glob(f"*/{_RECORD}")))


def find(name: str, state: Path = STATE) -> LabDirectory:
    """The directory of a standing lab. Raises UsageError naming those that stand when this one does not."""
    LabSpec(name=name)  # refuses what is no name, '../' above all
    directory = LabDirectory(state / name)
    if directory.record_file.exists():
        return directory
    names = ", ".join(lab.path.name for lab in standing(state))
    raise UsageError(
        f"there is no lab {name!r} on this machine" + (f"; there are: {names}" if names else ""),
        f"clmdeploy lab up --name {name}",
    )


@contextmanager
def locked(path: Path, busy: str = "") -> Iterator[None]:
    """Hold a directory's lock; with `busy`, raise LabError with that sentence instead of waiting."""
    while (descriptor := _lock(path, busy)) is None:
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, busy: str) -> int | None:
    """Make a directory if need be and lock it. None when its former holder removed it meanwhile: that lock is void."""
    path.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
    except BlockingIOError as error:
        os.close(descriptor)
        raise LabError(busy, "wait until it ends") from error
    if _is(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def reserve(spec: LabSpec, image: Path, layers: Mapping[str, Path], index: int, state: Path = STATE) -> LabDirectory:
    """Write a new lab down, all at once. The caller holds the lock of `state` and has chosen a free `index`."""
    programs = {group: str(layer) for group, layer in layers.items()}
    record = LabRecord(spec, index, str(uuid.uuid4()), str(image), programs)
    target = state / spec.name
    beside = state / f".{spec.name}.new"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    LabDirectory(beside).save(record)
    if target.exists():  # a directory without lab.json: the rest of a `down` that was killed at its last step
        shutil.rmtree(target)
    beside.rename(target)
    return LabDirectory(target)
