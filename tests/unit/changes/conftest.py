"""A change on hosts in memory: two application hosts behind a balancer, and a migration."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.adapters.memory_hosts import MemoryHosts
from clmdeploy.changes.conductor import Conductor
from clmdeploy.changes.events import Who
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.plan import Plan, PlaybookCall, Policy, Step, Target, TaskCall, Verdict
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.signed_plan import SignedPlan, sign_plan
from clmdeploy.changes.world import World
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import sha256_hex

OLD, NEW = "1.0.0-aaaaaaaa", "1.1.0-bbbbbbbb"


class FakeClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.01)


class FakeSigner:
    """Signs with a digest: enough to tell an edit, and no key to keep."""

    principal = "tester"

    def sign(self, namespace: str, data: bytes) -> bytes:
        return f"{namespace}:{sha256_hex(data)}".encode()

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        if signature != self.sign(namespace, data):
            raise InvalidInput(f"bad signature in namespace {namespace}")
        return self.principal


@dataclass
class Stage:
    """Everything a test of the core needs, and shortcuts through it."""

    store: MemoryStore = field(default_factory=MemoryStore)
    copy: MemoryStore = field(default_factory=MemoryStore)
    """this control node's own"""
    hosts: MemoryHosts = field(default_factory=MemoryHosts)
    clock: FakeClock = field(default_factory=FakeClock)
    signer: FakeSigner = field(default_factory=FakeSigner)
    time_to_live: int = 600

    def conductor(self, principal: str = "first", scope: Scope = "fleet") -> Conductor:
        who = Who(principal=principal, user="u", host="control")
        world = World(
            clock=self.clock, hosts=self.hosts, playbooks=self.hosts, engines=self.hosts, keeper=self.hosts,
            releases=MemoryStore(), inventory={}, secret=Secret,
        )  # fmt: skip
        journal = self.journal_of(scope)
        leases = Leases(self.store, "test", self.clock, self.time_to_live, is_settled=journal.is_settled)
        return Conductor(world, journal, leases, who)

    @property
    def journal(self) -> Journal:
        return self.journal_of("fleet")

    def journal_of(self, scope: Scope) -> Journal:
        return Journal(self.store, "test", self.signer, self.signer, self.clock, self.copy, scope)

    def signed(self, plan: Plan) -> SignedPlan:
        return sign_plan(plan, self.signer)

    def state(self) -> dict[str, object]:
        """What an outsider sees: releases, ledgers, balancer, schema."""
        seen: dict[str, object] = {
            name: (
                host.current,
                tuple(host.ledger),
                tuple(sorted(host.staged)),
                {k: v for k, v in host.servers.items() if v != "ready"},
            )
            for name, host in sorted(self.hosts.hosts.items())
        }
        return {**seen, "schema": dict(self.hosts.schema)}


def make_plan(*, policy: Policy | None = None, migrate: bool = True) -> Plan:
    """Stage everywhere, migrate, then app1 and app2 one after the other behind lb1."""
    common = {"root": "/opt/x", "user": "x", "directory": NEW}
    steps = [
        Step(id="stage", stage="stage", title="Stage", undo="tidy", timeout=10,
             action=PlaybookCall(playbook="stage", act="stage", arguments=common, fetch={"bundle_url": "k"}),
             targets=tuple(Target(host=name, subject=name, before={"present": False}) for name in ("app1", "app2"))),
    ]  # fmt: skip
    if migrate:
        steps.append(
            Step(id="expand-2", stage="expand", title="Migrate", undo="restore", timeout=10, whole_fleet=True,
                 data=True,
                 action=TaskCall(act="migrate", arguments=common | {"versions": [2], "direction": "apply"}),
                 targets=(Target(host="app1", subject="app1", before={"version": 1}),))
        )  # fmt: skip
    for number, name in enumerate(("app1", "app2"), start=1):
        steps += _batch(f"batch-{number}", name, common)
    hosts = tuple(Host(name=name, address="192.0.2.1") for name in ("app1", "app2", "lb1"))
    return Plan(
        kind="deploy", environment="test", environment_id="e", application="x", title="Deploy", to_release=NEW,
        inputs={}, hosts=hosts, steps=tuple(steps), policy=policy or Policy(), verdict=Verdict(kind="safe", reason="r"),
    )  # fmt: skip


def _batch(batch: str, name: str, common: dict[str, object]) -> list[Step]:
    def balance(step: str, state: str, expect: str) -> Step:
        target = Target(host="lb1", subject=name, arguments={"server": name, "backend": "b"}, before={"state": expect})
        call = TaskCall(act="balance", arguments={"state": state, "expect": expect})
        return Step(id=f"{batch}-{step}", stage=batch, batch=batch, title=step, undo="restore", timeout=10,
                    action=call, targets=(target,))  # fmt: skip

    switch = Target(
        host=name, subject=name, arguments={"expect": OLD, "ledger": [OLD]}, before={"current": OLD, "ledger": []}
    )
    return [
        balance("drain", "drain", "ready"),
         Step(id=f"{batch}-switch", stage=batch, batch=batch, title="Switch", undo="restore", timeout=10,
             targets=(switch,),
             action=PlaybookCall(playbook="switch", act="switch", arguments=common)),
        balance("undrain", "ready", "drain"),
    ]  # fmt: skip


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Both hosts run the old release, the schema is at 1, everything is in rotation."""
    yield prepared(Stage())
    for thread in threading.enumerate():
        assert thread.name != "lease", "a lease was not given back"


def prepared(made: Stage) -> Stage:
    """Both hosts run the old release, the schema is at 1, everything is in rotation."""
    for name in ("app1", "app2"):
        made.hosts.host(name).current = OLD
        made.hosts.host("lb1").servers[name] = "ready"
    made.hosts.schema = {"version": 1, "dirty": False}
    return made
