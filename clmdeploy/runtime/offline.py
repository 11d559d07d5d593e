"""An environment while its storage is out of reach: turns are claimed on the hosts, the journal is kept here.

What was done is shipped into the bucket once that answers again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.adapters.directory import DirectoryStore
from clmdeploy.changes.claims import Claims
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.shipping import ship
from clmdeploy.model.errors import StoreRefused, StoreUnavailable
from clmdeploy.model.signing import LateSigner
from clmdeploy.queries.fleet import balance_asks
from clmdeploy.queries.host_releases import HostReleases
from clmdeploy.queries.hosts import release_hosts
from clmdeploy.queries.wishes import Wishing
from clmdeploy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clmdeploy.changes.lease import Turns
    from clmdeploy.model.hosts import Host


@dataclass(frozen=True)
class OfflineRuntime(Runtime):
    """For one change. `only`: these hosts, empty for all; `instead_of`: a change whose control node is lost."""

    change: str = ""
    only: tuple[str, ...] = ()
    instead_of: str = ""

    @classmethod
    def beside(cls, runtime: Runtime, change: str, only: Sequence[str] = (), instead_of: str = "") -> OfflineRuntime:
        """The same environment."""
        made = cls(runtime.environment, runtime.environ, change, tuple(only), instead_of)
        vars(made).update({name: value for name, value in vars(runtime).items() if name in _SHARED})
        return made

    @cached_property
    def journal(self) -> Journal:
        """Of this change alone."""
        store, signer = DirectoryStore(_place(self, "offline") / self.change), LateSigner(lambda: self.signer)
        return Journal(store, self.environment.name, signer, self.verifier, self.clock)

    @property
    def is_offline(self) -> bool:
        """See Runtime."""
        return True

    @property
    def turns(self) -> Turns:
        """By what the hosts have seen."""
        name, uuid = self.environment.name, self.environment.settings.uuid
        return Claims(self.hosts, self._claimed, name, uuid, self.clock, self.instead_of, self.journal.is_settled)

    @property
    def _claimed(self) -> list[Host]:
        members = self.only or tuple(host.name for host in release_hosts(self.environment))
        chosen = {*members, *(ask.host.name for ask in balance_asks(self.environment))}
        return [host for host in self.environment.hosts if host.name in chosen]

    def wishing(self) -> Wishing:
        """Releases come from the hosts."""
        releases = HostReleases(self.hosts, self.environment, self.verifier)
        return Wishing(self.environment, releases, self.hosts, self.inputs(), offline=True)

    def change_id(self, kind: str) -> str:  # noqa: ARG002  # there is but one
        """The one that all of this is for."""
        return self.change


_SHARED = ("clock", "hosts", "playbooks", "connections", "signer", "verifier", "own_directory", "releases", "state")


def unshipped(runtime: Runtime) -> list[str]:
    """Changes made from here without the storage, whose journal it does not have yet; oldest first."""
    begun = _place(runtime, "offline").glob(f"*/{runtime.environment.name}/changes/*/events/000000")
    return sorted(event.parts[-3] for event in begun)


def ship_work(runtime: Runtime, change: str) -> None:
    """Bring the journal of one of them into the bucket. Raises as `changes.shipping.ship` does."""
    ship(runtime.journal, runtime.leases, OfflineRuntime.beside(runtime, change).journal, change, runtime.who)
    shipped = _place(runtime, "shipped")
    shipped.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another terminal here has shipped it meanwhile
        (_place(runtime, "offline") / change).rename(shipped / change)


def storage_answers(runtime: Runtime) -> bool:
    """Whether both buckets answer. Raises StoreRefused when one answers, but not to us: that is no outage."""
    try:
        runtime.leases.read("fleet")
        runtime.state.put(f"{runtime.environment.name}/probe", b"")
        next(runtime.releases.keys(f"{runtime.environment.settings.application}/"), None)
    except StoreRefused:
        raise
    except StoreUnavailable:
        return False
    return True


def _place(runtime: Runtime, what: str) -> Path:
    return runtime.own_directory / what
