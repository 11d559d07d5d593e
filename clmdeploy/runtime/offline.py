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
from clmdeploy.changes.lease import POLL
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.shipping import ship
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import (
    ClmError,
    NoBucket,
    OutcomeUnknown,
    StoreRefused,
    StoreUnavailable,
    VerificationFailed,
)
from clmdeploy.model.signing import LateSigner
from clmdeploy.queries.fleet import balance_asks
from clmdeploy.queries.host_releases import HostReleases
from clmdeploy.queries.hosts import release_hosts
from clmdeploy.queries.wishes import Wishing
from clmdeploy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clmdeploy.changes.turns import Turns
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
    def journals(self) -> tuple[Journal, ...]:
        """See Runtime."""
        return (self.journal,)

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


def cut_off(runtime: Runtime) -> str:
    """The one of these that was not finished, or whose journal here can't tell; empty when there is none."""
    for change in unshipped(runtime):
        try:
            settled = OfflineRuntime.beside(runtime, change).journal.is_settled(change)
        except VerificationFailed:
            settled = False
        if not settled:
            return change
    return ""


def ship_work(runtime: Runtime, change: str) -> None:
    """Bring the journal of one of them into the bucket.

    Raises as `changes.shipping.ship` does, and with the remedy where the bucket is damaged or gone.
    """
    try:
        _read_through(runtime)
    except DAMAGE as error:
        raise type(error)(error.message, _mending(runtime.environment.name)) from error
    ship(runtime.journal, runtime.leases, OfflineRuntime.beside(runtime, change).journal, change, runtime.who)
    shipped = _place(runtime, "shipped")
    shipped.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another terminal here has shipped it meanwhile
        (_place(runtime, "offline") / change).rename(shipped / change)


DAMAGE = (VerificationFailed, Missing, NoBucket)
"""what the storage answers where somebody has damaged or removed what was there"""


def outage(runtime: Runtime) -> ClmError | None:
    """Why nothing can be done with the storage: it is silent, or damaged, or a bucket is gone. None while it serves.

    It serves when everything that a change must read before it begins is there and to be believed. Raises StoreRefused
    when it answers, but not to us: that is no outage, but a fault of ours.
    """
    try:
        _read_through(runtime)
        runtime.leases.read("data")
        runtime.state.put(f"{runtime.environment.name}/probe", b"")
        next(runtime.releases.keys(f"{runtime.environment.settings.application}/"), None)
    except StoreRefused:
        raise
    except (StoreUnavailable, *DAMAGE) as error:
        return error
    return None


def await_leaseholder(runtime: Runtime, wait: float) -> None:
    """Where the lease can still be read, nobody acts beside its holder, whatever else is damaged.

    Waits until the holder has ended or is known to be gone, `wait` seconds or its time to live. Raises LeaseHeld.
    """
    try:
        standing = runtime.leases.read("fleet")
        if standing is not None:
            runtime.leases.await_free("fleet", max(wait, standing[0].time_to_live + 2 * POLL))
    except (OutcomeUnknown, StoreUnavailable, *DAMAGE):  # gone, or nobody can tell: the hosts keep others out
        return


def _read_through(runtime: Runtime) -> None:
    """Lease, signed head, and the newest change. Raises one of DAMAGE, or StoreUnavailable."""
    runtime.leases.read("fleet")
    runtime.journal.believed_head()
    runtime.journal.owed()


def _mending(environment: str) -> str:
    ship = f"`clmdeploy journal ship -e {environment}`"
    return Bilingual(
        "put back what was there: from older versions in the bucket, or from a control node's copy; a lease need only "
        f"be removed. Where nothing is left, move {environment}/ in the bucket aside (it is evidence), or make the "
        f"bucket anew: then {ship} begins a new journal",
        "верните то, что там было: из прежних версий объектов в бакете или из копии управляющего узла; запись "
        f"блокировки достаточно удалить. Если ничего не осталось, перенесите {environment}/ в бакете в сторону (это "
        f"улика) или создайте бакет заново: тогда {ship} начнёт новый журнал",
    )


def _place(runtime: Runtime, what: str) -> Path:
    return runtime.own_directory / what
