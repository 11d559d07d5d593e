"""A lab: real Debian hosts on one machine, put up in seconds and taken down without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from clmdeploy.lab import removal, state
from clmdeploy.lab.authority import Authority
from clmdeploy.lab.credentials import Credentials
from clmdeploy.lab.facts import PROXY_PORT, S3_PORT, LabFacts
from clmdeploy.lab.host import LabHost
from clmdeploy.lab.image import ensure_image
from clmdeploy.lab.inventory import ENVIRONMENT, write_inventories
from clmdeploy.lab.machine import LabError, require_machine, require_root
from clmdeploy.lab.network import Network, free_index
from clmdeploy.lab.programs import ON_GROUPS
from clmdeploy.lab.spec import LabSpec
from clmdeploy.lab.state import LabDirectory
from clmdeploy.lab.storage import StorageAccess
from clmdeploy.lab.storage_proxy import Ends, StorageProxy
from clmdeploy.lab.sysctl import raise_settings
from clmdeploy.model.errors import UsageError

Progress = Callable[[str], None]
_AT_ONCE = 32  # hosts; each is a thread that waits for ssh most of the time


def _silent(_line: str) -> None:
    pass


class Lab:
    """A lab that stands. `Lab.up` makes one, `Lab.open` finds one that another process made."""

    def __init__(self, directory: LabDirectory) -> None:
        self._directory = directory
        self._facts = LabFacts.of(directory)
        self.spec = self._facts.record.spec
        self.hosts: dict[str, LabHost] = {
            spec.name: LabHost(self._facts, spec, directory.host(spec.name)) for spec in self.spec.hosts
        }

    @classmethod
    def up(cls, spec: LabSpec, progress: Progress = _silent) -> Lab:
        """Put up a new lab and return when every host and service is ready.

        Builds the image the first time. Raises LabError when anything fails, after removing what was made, and
        UsageError when a lab of this name stands already.
        """
        require_machine()
        _refuse_second(spec.name)
        directory, lock = _reserved(spec, progress)
        with lock, ExitStack() as undo:
            undo.callback(removal.remove, directory)
            lab = _assembled(directory)
            progress(f"starting {len(lab.hosts)} hosts in {lab._facts.record.subnet}")
            lab._start_all(progress)
            undo.pop_all()
        return lab

    @classmethod
    def open(cls, name: str = "lab") -> Lab:
        """A lab that stands. Raises UsageError when there is none of this name, LabError when it never came up."""
        require_root()
        return cls(state.find(name))

    def down(self) -> None:
        """Remove the lab with everything that it ever put on the machine."""
        removal.take_down(self.name)

    @property
    def name(self) -> str:
        return self.spec.name

    def host(self, name: str) -> LabHost:
        """Raises UsageError naming the hosts when there is none of this name."""
        if name not in self.hosts:
            raise UsageError(f"lab {self.name} has no host {name!r}; it has: {', '.join(self.hosts)}")
        return self.hosts[name]

    @property
    def inventories(self) -> Path:
        """Directory for `--inventories`; the environment in it is named `lab`."""
        return self._directory.inventories

    @property
    def environment(self) -> str:
        """Name of the environment, for `-e`."""
        return ENVIRONMENT

    @property
    def url(self) -> str:
        """What users of the application would type: the load balancer. Raises LabError without one."""
        return f"http://{self._first_address('lb')}"

    @property
    def storage(self) -> StorageAccess:
        """The S3 server as the operator reaches it. Raises LabError when the lab has none."""
        return StorageAccess.operator(self._facts)

    def storage_proxy(self, port: int = PROXY_PORT) -> StorageProxy:
        """A proxy before the S3 server that faults can be put into, where control nodes and hosts reach it.

        Raises LabError when the lab has no S3 server.
        """
        record, authority = self._facts.record, self._facts.authority
        certificate = authority.issue("storage-proxy", f"IP:{record.gateway}")
        server = (self._first_address("store"), S3_PORT)
        return StorageProxy(Ends(record.gateway, port, certificate, server, authority.certificate))

    @property
    def database_url(self) -> str:
        """libpq URL of the application's database, password included. Raises LabError when the lab has none."""
        self._first_address("db")
        return str(self._facts.database_url)

    def operator_environment(self) -> dict[str, str]:
        """Environment variables with which `clmdeploy` works on this lab; no secrets, these are files."""
        return {"CLM_INVENTORIES": str(self.inventories), "CLM_ENVIRONMENT": ENVIRONMENT}

    def _first_address(self, group: str) -> str:
        address = self._facts.record.first_address(group)
        if address is None:
            raise LabError(f"lab {self.name} has no host of group {group!r}")
        return address

    def _start_all(self, progress: Progress) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:  # ends before anything is removed, whatever fails
            list(threads.map(_switch_on_new, self.hosts.values()))
        _await_all(self.hosts.values(), progress)
        progress("every host and service is ready")


def _refuse_second(name: str) -> None:
    if any(directory.path.name == name for directory in state.standing()):
        raise UsageError(
            f"a lab named {name!r} stands already, or is left of an `up` that was killed",
            f"clmdeploy lab down --name {name}",
        )


def _reserved(spec: LabSpec, progress: Progress) -> tuple[LabDirectory, ExitStack]:
    """A directory and a subnet for a new lab, and the held lock of the directory."""
    keep = frozenset(Path(layer) for lab in state.standing() for layer in _layers(lab))
    image = ensure_image(progress, keep)
    layers = {group: one.ensure_layer(progress, keep) for group, one in ON_GROUPS.items() if spec.group(group)}
    lock = ExitStack()
    with state.locked(state.STATE):
        _refuse_second(spec.name)
        index = free_index(frozenset(lab.record().index for lab in state.standing()))
        directory = state.reserve(spec, image, layers, index)
        lock.enter_context(state.locked(directory.path, busy=f"lab {spec.name} is being taken down"))
    return directory, lock


def _layers(lab: LabDirectory) -> tuple[str, ...]:
    record = lab.record()
    return (record.image, *record.program_layers.values())


def _assembled(directory: LabDirectory) -> Lab:
    """A reserved lab with keys, passwords, inventories and its network; its hosts have no disks yet."""
    record = directory.record()
    Authority(directory.keys).create(record)
    Credentials.generate().save(directory.credentials_file)
    write_inventories(directory.inventories, LabFacts.of(directory))
    with state.locked(state.STATE):
        raise_settings(state.STATE)
    Network(record).create()
    return Lab(directory)


def _switch_on_new(host: LabHost) -> None:
    host.write_disk()
    host.switch_on()


def _await_all(hosts: Iterable[LabHost], progress: Progress) -> None:
    """Wait for all hosts; the first failure ends the waiting at once: the others' threads end with their hosts."""
    threads = ThreadPoolExecutor(_AT_ONCE)
    try:
        waiting = {threads.submit(host.await_ready): host for host in hosts}
        for done in as_completed(waiting):
            done.result()
            progress(f"{waiting[done].name} is ready")
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
