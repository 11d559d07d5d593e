"""The composition root: the only place that knows concrete adapters. Everything is made when it is first needed."""

from __future__ import annotations

import functools
import getpass
import os
import secrets
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.changes.conductor import Conductor, new_change_id
from clmdeploy.changes.events import Who
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.world import Silent, Watcher, World
from clmdeploy.config.loading import find_inventories, load
from clmdeploy.model.signing import LateSigner
from clmdeploy.runtime.points import PointReach
from clmdeploy.runtime.reach import verifier_of
from clmdeploy.runtime.storages import BUCKETS

if TYPE_CHECKING:
    from clmdeploy.changes.guarded import Outcome
    from clmdeploy.changes.journal import Journal
    from clmdeploy.changes.lease import Leases
    from clmdeploy.changes.ledger import Ledger
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.ports import OutcomeListener
    from clmdeploy.changes.proposals import Proposals
    from clmdeploy.changes.turns import Turns
    from clmdeploy.model.hosts import Host
    from clmdeploy.model.secret import Secret
    from clmdeploy.notices.courier import Courier
    from clmdeploy.notices.ports import Lookout
    from clmdeploy.planners.backup import PointWish
    from clmdeploy.planners.outlook import Foreseen
    from clmdeploy.planners.restore_wish import RestoreWish
    from clmdeploy.queries.backing_up import BackingUp
    from clmdeploy.queries.backup_setup import Asking
    from clmdeploy.queries.doctor import Instruments
    from clmdeploy.queries.points import Seen
    from clmdeploy.queries.restoring import Restoring
    from clmdeploy.queries.wishes import Wishing
    from clmdeploy.releases.catalogue import Catalogue
    from clmdeploy.runtime.schedule import ScheduleReach


CI_JOB_VARIABLES = ("CI_JOB_URL", "CI_JOB_ID", "GITHUB_RUN_ID", "BUILD_URL")

__all__ = ["Runtime", "verifier_of"]


@dataclass(frozen=True)
class Runtime(PointReach):
    """One environment with everything that works on it."""

    @classmethod
    def of(cls, inventories: Path | None, name: str) -> Runtime:
        """The environment `name`. Raises InvalidInput with every fault of its files."""
        return cls(load(find_inventories(inventories, os.environ), name))

    @classmethod
    def of_remains(cls, inventories: Path | None, name: str) -> Runtime | None:
        """Of an environment whose files have faults, to tell people of these; None when nobody can be told.

        Raises InvalidInput when there is no such environment.
        """
        from clmdeploy.config.remains import remains

        left = remains(find_inventories(inventories, os.environ), name)
        return None if left is None else cls(left)

    @cached_property
    def catalogue(self) -> Catalogue:
        from clmdeploy.releases.catalogue import Catalogue

        return Catalogue(self.releases, self.verifier)

    @cached_property
    def journal(self) -> Journal:
        return self._chain("fleet")

    @cached_property
    def data_journal(self) -> Journal:
        """What is done to the data alone: backups and their expiry."""
        return self._chain("data")

    @property
    def journals(self) -> tuple[Journal, ...]:
        """All chains, the fleet's first."""
        return (self.journal, self.data_journal)

    def _chain(self, scope: Scope) -> Journal:
        from clmdeploy.changes.journal import Journal

        # The key is looked for when something is signed: reading the journal needs none.
        signer = LateSigner(lambda: self.signer)
        return Journal(self.state, self.environment.name, signer, self.verifier, self.clock, self.journal_copy, scope)

    @cached_property
    def proposals(self) -> Proposals:
        """Changes that wait for approvals."""
        from clmdeploy.changes.proposals import Proposals

        return Proposals(self.journal, self.environment.settings.uuid, self.environment.settings.approvals.required)

    @cached_property
    def leases(self) -> Leases:
        from clmdeploy.changes.lease import Leases

        time_to_live = self.environment.settings.lease.time_to_live
        return Leases(self.state, self.environment.name, self.clock, time_to_live, self._is_settled)

    def _is_settled(self, change: str) -> bool:
        from clmdeploy.queries.chains import journal_with

        return journal_with(self.journals, change).is_settled(change)

    @cached_property
    def who(self) -> Who:
        """Who acts here: the signing principal, the account, the machine, and the CI job where there is one."""
        job = next((self.environ[name] for name in CI_JOB_VARIABLES if self.environ.get(name)), None)
        principal = self.environment.settings.trust.principal or "unsigned"
        return Who(principal=principal, user=getpass.getuser(), host=socket.gethostname(), job=job)

    @cached_property
    def courier(self) -> Courier | None:
        """Who brings notices to people; None where clm.yml names nobody, or says never. Secrets are read now."""
        from clmdeploy.adapters.channels import channels_of
        from clmdeploy.notices.courier import Courier

        notify = self.environment.settings.notify
        if notify is None or not self.notifies:
            return None
        return Courier(channels_of(notify, self.environment.directory, self.environ), self.outbox, self.clock)

    @property
    def notifies(self) -> bool:
        """Whether clm.yml names people to tell."""
        notify = self.environment.settings.notify
        return notify is not None and notify.when != "never"

    def post_lookout(self) -> Lookout | None:
        """A process that outlives ours; None without a courier. Raises OSError."""
        from clmdeploy.adapters.lookout import ProcessLookout

        return ProcessLookout(self.courier.channels, self.outbox, self.environ) if self.courier else None

    def conductor(self, watcher: Watcher | None = None, scope: Scope = "fleet") -> Conductor:
        """What begins, resumes and aborts changes of one scope."""
        world = World(
            clock=self.clock, hosts=self.hosts, playbooks=self.playbooks, engines=self.engines, keeper=self.keeper,
            releases=self.releases, inventory={host.name: host for host in self.environment.hosts},
            secret=self.secret, watcher=watcher or Silent(),
        )  # fmt: skip
        journal = self.journals[0] if scope == "fleet" else self.data_journal
        return Conductor(world, journal, self.turns, self.who, self._review)

    def _review(self, change: str, ledger: Ledger) -> Collection[str]:
        from clmdeploy.runtime.expiring import review

        return review(self, change, ledger)

    @property
    def is_offline(self) -> bool:
        """Whether this works without the storage."""
        return False

    @property
    def turns(self) -> Turns:
        """What says whose turn it is."""
        return self.leases

    def wishing(self) -> Wishing:
        """What gathers a planner's inputs."""
        from clmdeploy.queries.wishes import Wishing

        newest, inputs = lambda: self.leases.newest("fleet"), self.inputs()
        point = self._point if self.environment.settings.backup else None
        return Wishing(self.environment, self.catalogue, self.hosts, inputs, newest, point=point, points=self._known)

    def _known(self) -> tuple[Seen, ...]:
        from clmdeploy.queries.points import points_of

        return points_of(self.points, self.marks).points

    def _point(self) -> PointWish:
        return self.backing_up().wish("incr", "before a migration", None)

    def secret(self, setting: str) -> Secret:
        """What a setting of clm.yml refers to. Raises InvalidInput when it can't be read here.

        `SETTING#LABEL` is another secret, derived from that one: it opens nothing that the first was not meant for.
        """
        from clmdeploy.config.environment import secret_references
        from clmdeploy.config.secrets import resolve
        from clmdeploy.model.secret import derived

        path, _, label = setting.partition("#")
        reference = secret_references(self.environment.settings)[path]
        secret = resolve(reference, self.environment.directory, self.environ, key=path)
        return derived(secret, label) if label else secret

    def backup_setup(self) -> Asking:
        """What asks the hosts of backups how they stand."""
        from clmdeploy.queries.backup_setup import Asking

        return Asking(self.environment, self.hosts, self.engines, self.secret, self.inputs())

    def backing_up(self) -> BackingUp:
        """What gathers the inputs of a restore point."""
        from clmdeploy.queries.backing_up import BackingUp

        return BackingUp(self.environment, self.hosts, self.engines, self.catalogue, self.inputs(), self._known)

    def restoring(self) -> Restoring:
        """What gathers the inputs of a restore."""
        from clmdeploy.queries.points import points_of
        from clmdeploy.queries.restoring import Restoring

        read = functools.partial(points_of, self.points, self.marks)
        making = self.backing_up()
        return Restoring(self.environment, read, self.hosts, self.wishing(), making, self.journal, self.clock)

    def foresee(self, plan: Plan, restored: RestoreWish | None = None) -> Foreseen:
        """With what is told beside the plan: how long it may take, and what a restore would lose."""
        from clmdeploy.planners.loss import loss_of
        from clmdeploy.planners.outlook import Foreseen, Outlook
        from clmdeploy.queries.past_runs import foresee

        journal = self.journal if plan.scope == "fleet" else self.data_journal
        loss = loss_of(restored, self.clock.now()) if restored is not None else None
        return Foreseen(plan, Outlook(estimate=foresee(journal, plan), loss=loss))

    @cached_property
    def schedule(self) -> ScheduleReach:
        """What scheduled jobs, and whoever installs them, work with."""
        from clmdeploy.runtime.schedule import ScheduleReach

        return ScheduleReach(self)

    def change_id(self, kind: str) -> str:
        """A fresh ID."""
        return new_change_id(self.clock.now(), kind, secrets.token_hex(2))

    def inputs(self) -> dict[str, str]:
        """Digests of what a plan binds beside its release."""
        from clmdeploy.adapters.playbook_files import playbooks_digest
        from clmdeploy.adapters.program import acts_program
        from clmdeploy.model.value import sha256_hex

        return {
            "settings": self.environment.settings_digest,
            "hosts": self.environment.inventory_digest,
            "playbooks": playbooks_digest(),
            "acts": sha256_hex(acts_program()),
        }

    def prepare(self, hosts: Sequence[Host], listen: OutcomeListener, *, check: bool) -> dict[str, Outcome]:
        """Set hosts up; `check`: only tell what would change. Outcomes by host name, `changed` in their results.

        Hosts that can't be set up at all are told at once, in better words than Ansible's.
        """
        from clmdeploy.adapters.inspection import SshInspector
        from clmdeploy.adapters.setup import prepare_hosts
        from clmdeploy.queries.hosts import release_hosts, unfit

        refused = unfit(SshInspector(self.connections).look(hosts, self.environment.settings.install.root))
        for name, outcome in refused.items():
            listen(name, outcome)
        fit = [host for host in hosts if host.name not in refused]
        settings = self.environment.settings
        variables = {
            "host_setup_root": settings.install.root, "host_setup_user": settings.install.user,
            "host_setup_environment": settings.uuid,
            "host_setup_owns_releases": [host.name for host in release_hosts(self.environment)],
        }  # fmt: skip
        done = prepare_hosts(fit, self.environment.known_hosts, variables, listen, check=check) if fit else {}
        return {host.name: (refused | done)[host.name] for host in hosts}

    def instruments(self) -> Instruments:
        """What `doctor` looks with."""
        from clmdeploy.adapters.inspection import SshInspector, inspect_control_node
        from clmdeploy.adapters.program import guard_source
        from clmdeploy.config.loading import unresolved_secrets
        from clmdeploy.model.value import sha256_hex
        from clmdeploy.queries.doctor import Instruments

        return Instruments(
            inspector=SshInspector(self.connections), performer=self.hosts, control_node=inspect_control_node,
            buckets={setting: partial(self.probe, setting) for setting in BUCKETS},
            keep_profile=self.keep_profile, backup_keys=self.backup_key_rights,
            signer=lambda: self.signer, verifier=self.verifier, guard=sha256_hex(guard_source()),
            secrets=lambda: unresolved_secrets(self.environment, self.environ, open_vaults=True),
            channels=lambda: {one.name: one.check() for one in self.courier.channels} if self.courier else {},
        )  # fmt: skip
