"""Everything that must be true before work, asked at once: control node, storage, hosts, balancers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.checks import Check, ControlNode, HostLook
from clmdeploy.model.errors import ClmError, InvalidInput
from clmdeploy.model.hosts import Host
from clmdeploy.model.signing import Namespace, Signer, Verifier
from clmdeploy.model.storage import KeyRights, StorageProfile
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.doctor_backups import backup_checks
from clmdeploy.queries.doctor_balancers import balancer_checks
from clmdeploy.queries.doctor_control import control_checks, notify_check, signing_check
from clmdeploy.queries.doctor_hosts import Standard, guard_check, host_checks
from clmdeploy.queries.doctor_storage import refused_storage, storage_checks, unkept_profile, unlooked_storage
from clmdeploy.queries.hosts import managed_hosts, question, release_hosts

ASK_LIMIT = 30


class Inspector(Protocol):
    """Looks at hosts as their SSH user. What goes wrong on a host is that host's look, never an exception."""

    def look(self, hosts: Sequence[Host], root: str) -> dict[str, HostLook]: ...


@dataclass(frozen=True)
class Instruments:
    """What `examine` looks with. The callables raise InvalidInput or StoreUnavailable, which become checks."""

    inspector: Inspector
    performer: Performer
    control_node: Callable[[], ControlNode]
    buckets: dict[str, Callable[[], StorageProfile]]
    """setting of the bucket's name → probes what the bucket can do"""
    signer: Callable[[], Signer]
    verifier: Verifier
    secrets: Callable[[], Mapping[str, InvalidInput]]
    """setting → what keeps that secret from being read"""
    guard: str
    """SHA-256 of the guard that belongs to this program"""
    channels: Callable[[], Mapping[str, str]] = dict
    """each way by which people would be told → what keeps notices from them; empty: nothing"""
    keep_profile: Callable[[str, StorageProfile], None] = lambda _setting, _profile: None
    """stores what was found of the bucket that a setting names"""
    backup_keys: Callable[[], Mapping[str, KeyRights]] = dict
    """what keys of backup.storage beside those of the jobs may do"""


def examine(environment: LoadedEnvironment, instruments: Instruments) -> tuple[Check, ...]:
    """All checks, side by side: a dead host or a silent storage costs no more than its own time limit."""
    with ThreadPoolExecutor(max_workers=6, thread_name_prefix="doctor") as pool:
        parts = [
            pool.submit(part, environment, instruments)
            for part in (_control, _notify, _state, _releases, _backups, _hosts_and_balancers)
        ]
        return tuple(check for part in parts for check in part.result())


def _control(environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    unread = instruments.secrets()
    return [*control_checks(instruments.control_node(), unread), _signing(environment, instruments)]


def _notify(_environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    return [notify_check(name, fault) for name, fault in instruments.channels().items()]


def _signing(environment: LoadedEnvironment, instruments: Instruments) -> Check:
    """Sign something, and see whether it would be trusted."""
    trust = environment.settings.trust
    if trust.signing_key is None:
        return signing_check(None, None)
    data = b"clmdeploy doctor"
    try:
        signature = instruments.signer().sign(Namespace.JOURNAL, data)
        return signing_check(trust.principal, instruments.verifier.verify(Namespace.JOURNAL, data, signature))
    except ClmError as error:
        return Check(
            area="control node",
            subject="",
            name="signing key",
            verdict="fail",
            finding=error.message,
            remedy=error.hint,
        )


def _state(environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    storage = environment.settings.storage
    return _bucket(storage.state_bucket, "storage.state_bucket", instruments, partial(storage_checks, purpose="state"))


def _releases(environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    name = environment.settings.storage.release_bucket
    return _bucket(name, "storage.release_bucket", instruments, partial(storage_checks, purpose="releases"))


def _backups(environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    backup = environment.settings.backup
    if backup is None:
        return []

    if any(setting.startswith("backup.storage.keys.") for setting in instruments.secrets()):
        return [unlooked_storage(backup.storage.bucket)]

    def judge(bucket: str, profile: StorageProfile) -> list[Check]:
        return backup_checks(bucket, profile, instruments.backup_keys())

    return _bucket(backup.storage.bucket, "backup.storage.bucket", instruments, judge)


def _bucket(
    name: str, setting: str, instruments: Instruments, judge: Callable[[str, StorageProfile], list[Check]]
) -> list[Check]:
    try:
        profile = instruments.buckets[setting]()
        checks = judge(name, profile)
    except ClmError as error:
        return [refused_storage(name, error)]
    try:
        instruments.keep_profile(setting, profile)
    except ClmError as error:
        checks.append(unkept_profile(name, error))
    return checks


def _hosts_and_balancers(environment: LoadedEnvironment, instruments: Instruments) -> list[Check]:
    hosts = managed_hosts(environment)
    looks = instruments.inspector.look(hosts, environment.settings.install.root)
    standards = _standards(environment, instruments.guard)
    able = [host for host in hosts if looks[host.name].guard]
    answers = _ask_guards(environment, instruments.performer, able)
    checks: list[Check] = []
    for host in hosts:
        checks += host_checks(host.name, looks[host.name], standards[host.name])
        if host.name in answers:
            checks.append(guard_check(host.name, answers[host.name], standards[host.name]))
    return [*checks, *balancer_checks(environment, instruments.performer, able)]


def _standards(environment: LoadedEnvironment, guard: str) -> dict[str, Standard]:
    owners, setup = release_hosts(environment), f"clmdeploy host setup -e {environment.name}"
    return {host.name: Standard(guard, setup, gets_releases=host in owners) for host in managed_hosts(environment)}


def _ask_guards(environment: LoadedEnvironment, performer: Performer, hosts: Sequence[Host]) -> dict[str, Outcome]:
    """Whether each guard runs, as root, and takes this environment for its own."""
    install = environment.settings.install
    arguments: dict[str, JsonValue] = {"root": install.root, "user": install.user, "groups": []}
    asks = [question(environment, host, "facts", arguments, ASK_LIMIT) for host in hosts]
    return performer.perform(asks, lambda _key, _outcome: None)
