"""Backup set-up: from hosts as they are to hosts that back up and are backed up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clmdeploy.backups import layout as places
from clmdeploy.backups.arranging import accounts, configuration, is_dumped, secrets
from clmdeploy.backups.identities import SERVERS, Certified, Identity, identities, is_due, names
from clmdeploy.backups.layout import Layout
from clmdeploy.changes.plan import EngineCall, Plan, Policy, Step, Target, TaskCall, Verdict
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.backup_facts import SetupFacts
from clmdeploy.planners.backup_refusals import archive_settings, refuse_unready

SIGNING = "authority"
_INSTALLING = 1800  # seconds: packages from a slow mirror


@dataclass(frozen=True)
class Setup:
    """What is wanted and what is known."""

    layout: Layout
    facts: SetupFacts
    inputs: Mapping[str, str]
    storage_ca: str = ""
    """PEM; empty where the storage is checked with the system's certificates"""
    restart: bool = False
    """whether PostgreSQL may be restarted"""

    @property
    def backup_host(self) -> Host:
        return self.layout.parties.backup

    def due(self, host: Host, now: float) -> tuple[Identity, ...]:
        """Identities of the host that get a new certificate."""
        found = self.facts.hosts[host.name].identities
        wanted = identities(self.layout.parties, host, archives=self.layout.archives)
        return tuple(one for one in wanted if is_due(found[one.name], host, self.facts.authority, now))


def plan_backup_setup(wish: Setup, now: float) -> Plan:
    """The plan; without steps where everything stands. `now`: seconds since 1970, for certificates that run out.

    Raises NothingChanged with everything that stands against it, UsageError where a restart was not allowed.
    """
    refuse_unready(wish.layout, wish.facts, restart=wish.restart)
    settings = wish.layout.settings
    steps = [*_accounts(wish), *_certificates(wish, now), *_configuration(wish, now)]
    steps += [*_archive(wish, arranged=bool(steps)), *_files(wish, arranged=bool(steps))]
    return Plan(
        kind="setup", environment=settings.name, environment_id=settings.uuid, application=settings.application,
        title=f"Set up backups of {settings.name}", inputs=dict(wish.inputs), hosts=wish.layout.parties.all,
        steps=tuple(steps), policy=Policy(on_failure="take-back-all"), verdict=Verdict(kind="safe", reason=_WAY_BACK),
    )  # fmt: skip


_WAY_BACK = Bilingual(
    "files, units and settings go back to what stood before; packages, accounts and what is in the storage stay",
    "файлы, службы и настройки вернутся к прежним; пакеты, учётные записи и содержимое хранилища останутся",
)


def _accounts(wish: Setup) -> Iterator[Step]:
    due = [host for host in wish.layout.parties.all if wish.facts.hosts[host.name].accounts]
    targets = tuple(_target(host, accounts(wish.layout, host).arguments()) for host in due)
    if targets:
        yield Step(
            id="accounts", stage="accounts", title="Install packages, make accounts and directories",
            action=TaskCall(act="arrange"), targets=targets, undo="restore", timeout=_INSTALLING,
        )  # fmt: skip


def _certificates(wish: Setup, now: float) -> Iterator[Step]:
    due = {host: found for host in wish.layout.parties.all if (found := wish.due(host, now))}
    if not due:
        return
    asking = [
        _target(host, {"common_name": host.name, "identities": [one.model_dump(mode="json") for one in found]})
        for host, found in due.items()
    ]
    yield Step(
        id="requests", stage="certificates", title="Make keys and ask for certificates",
        action=TaskCall(act="identity"), targets=tuple(asking), undo="restore",
    )  # fmt: skip
    subjects: dict[str, JsonValue] = {
        host.name: {"common_name": host.name, "names": list(names(host)), "servers": list(SERVERS)} for host in due
    }  # fmt: skip
    arguments: dict[str, JsonValue] = {
        "directory": places.AUTHORITY, "name": f"clm backup {wish.layout.settings.name}"[:60], "subjects": subjects,
    }  # fmt: skip
    yield Step(
        id=SIGNING, stage="certificates", title="Sign the certificates on the backup host",
        action=TaskCall(act="authority", arguments=arguments, uses=("requests",)),
        targets=(_target(wish.backup_host),), undo="restore",
    )  # fmt: skip


def _configuration(wish: Setup, now: float) -> Iterator[Step]:
    """The backup host first: its services are there before anybody calls them."""
    others = wish.layout.parties.all[1:]
    dumped = [host for host in others if is_dumped(wish.layout, host)]
    for id, title, hosts in (
        ("backup-host", "Configure the backup host", [wish.backup_host]),
        ("hosts", "Configure the hosts that are backed up", [host for host in others if host not in dumped]),
        ("database-hosts", "Configure the database hosts", dumped),
    ):
        due = {host: wish.due(host, now) for host in hosts}
        changed = [host for host in hosts if due[host] or wish.facts.hosts[host.name].configuration]
        if changed:
            certified = Certified(SIGNING, wish.backup_host.name)
            targets = tuple(_target(host, _arguments(wish, host, certified if due[host] else None)) for host in changed)
            uses = (SIGNING,) if any(due.values()) else ()
            yield Step(
                id=id, stage="configuration", title=title, targets=targets, undo="restore", timeout=600,
                action=TaskCall(act="arrange", uses=uses, secrets=secrets(wish.layout, changed[0])),
            )  # fmt: skip


def _arguments(wish: Setup, host: Host, certified: Certified | None) -> dict[str, JsonValue]:
    found = configuration(wish.layout, host, wish.storage_ca, certified, wish.facts.rclone)
    return found.arguments()


def _archive(wish: Setup, *, arranged: bool) -> Iterator[Step]:
    """The stanza before the first segment comes, then the proof that one arrives."""
    database = wish.layout.backup.database
    if not wish.layout.archives:
        return
    stanza: dict[str, JsonValue] = {"stanza": database.stanza, "processes": database.processes}
    settings = archive_settings(database.stanza)
    archiving = [
        host for host in wish.layout.parties.database
        if any(wish.facts.servers[host.name].value(name) != value for name, value in settings.items())
    ]  # fmt: skip
    here = (_target(wish.backup_host),)
    begun = arranged or bool(archiving) or bool(wish.facts.missing.get("pgbackrest-stanza"))
    if begun:
        yield Step(
            id="stanza", stage="archive", title=f"Create the stanza {database.stanza}", targets=here, undo="nothing",
            action=EngineCall(act="pgbackrest-stanza", arguments=stanza),
        )  # fmt: skip
    if archiving:
        arguments: dict[str, JsonValue] = {
            "service": database.service, "port": database.port, "data": database.data, "settings": dict(settings),
            "restart": wish.restart,
        }  # fmt: skip
        yield Step(
            id="archiving", stage="archive", title="Let PostgreSQL archive its WAL", undo="restore",
            action=TaskCall(act="archiving", arguments=arguments), targets=tuple(map(_target, archiving)),
        )  # fmt: skip
    if begun:
        yield Step(
            id="archived", stage="archive", title="See a WAL segment arrive in the storage", targets=here,
            undo="nothing", action=EngineCall(act="pgbackrest-check", arguments=stanza),
        )  # fmt: skip


def _files(wish: Setup, *, arranged: bool) -> Iterator[Step]:
    """Each host's repository, by the backup host; then each host reaches its own through the gateway."""
    hosts = wish.layout.parties.files
    for id, act, title in (
        ("repositories", "restic-init", "Create the file repositories"),
        ("keys", "restic-key", "Give each host the key of its own repository"),
    ):
        missing = [host for host in hosts if host.name in wish.facts.missing.get(act, ())]
        if missing:
            targets = tuple(
                Target(
                    host=wish.backup_host.name, subject=host.name,
                    arguments={"repository": wish.layout.stored_repository_of(host.name), "host": host.name},
                )
                for host in missing
            )  # fmt: skip
            yield Step(
                id=id, stage="files", title=title, targets=targets, undo="nothing", timeout=600,
                action=EngineCall(act=act, arguments={"authority": wish.layout.storage_ca(places.BACKUP)}),
            )  # fmt: skip
    if hosts and (arranged or any(wish.facts.missing.get(act) for act in ("restic-init", "restic-key"))):
        reaching = tuple(
            _target(host, {"repository": wish.layout.repository_of(host.name), "host": host.name}) for host in hosts
        )
        yield Step(
            id="reached", stage="files", title="Reach the repositories through the gateway", targets=reaching,
            undo="nothing", action=EngineCall(act="restic-reach"),
        )  # fmt: skip


def _target(host: Host, arguments: dict[str, JsonValue] | None = None) -> Target:
    return Target(host=host.name, subject=host.name, arguments=arguments or {})
