"""Which hosts a command means, and what they answer when they are asked something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener, Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.checks import HostLook
from clmdeploy.model.errors import UsageError
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.doctor_hosts import obstacle

NOT_OURS = frozenset({"db", "store", "backup"})
"""groups that clmdeploy touches for the sake of backups alone: without these nothing is installed there"""
GRACE = 25  # seconds beyond a command's own limit, for systemd to end it and the guard to answer


def managed_hosts(environment: LoadedEnvironment) -> tuple[Host, ...]:
    """Hosts that get the guard: all that components can use, the balancers, and those of backups."""
    backup = environment.settings.backup
    strange = NOT_OURS - ({backup.group, backup.database.group} if backup else set())
    return tuple(host for host in environment.hosts if not host.groups or set(host.groups) - strange)


def release_hosts(environment: LoadedEnvironment) -> tuple[Host, ...]:
    """Hosts that can get releases: managed ones that are not only balancers."""
    balancer = environment.settings.balancer.group if environment.settings.balancer else "lb"
    return tuple(host for host in environment.hosts if set(host.groups) - NOT_OURS - {balancer})


def chosen(environment: LoadedEnvironment, names: Iterable[str], among: Sequence[Host]) -> tuple[Host, ...]:
    """The hosts that `names` mean, each a host or a group; all of `among` when there are none.

    Raises UsageError for a name that is neither, or whose hosts are not `among` those that can be asked.
    """
    found: dict[str, Host] = {}
    for name in names:
        meant = [host for host in environment.hosts if name == host.name] or list(environment.group(name))
        if not meant:
            raise UsageError(*_unknown_words(repr(name[:80]), _known(environment)))
        usable = [host for host in meant if host in among]
        if not usable:
            raise UsageError(*_unmanaged_words(name, ", ".join(host.name for host in among)))
        found |= {host.name: host for host in usable}
    return tuple(found.values()) if found else tuple(among)


def _unknown_words(name: str, known: str) -> tuple[str, str]:
    return (
        Bilingual(f"hosts.yml has no host or group {name}", f"в hosts.yml нет узла или группы {name}"),
        Bilingual(f"it has: {known}", f"есть: {known}"),
    )


def _unmanaged_words(name: str, managed: str) -> tuple[str, str]:
    groups = ", ".join(sorted(NOT_OURS))
    return (
        Bilingual(
            f"{name} is not managed here: no guard is installed on hosts of {groups} alone",
            f"{name} отсюда не управляется: на узлы только из групп {groups} агент не ставится",
        ),
        Bilingual(f"hosts that are: {managed}", f"управляются узлы: {managed}"),
    )


def unfit(looks: Mapping[str, HostLook]) -> dict[str, Outcome]:
    """Hosts that can't be set up: unreachable, without a usable Python or systemd, or without a way to become root."""
    found = {name: obstacle(name, look) for name, look in looks.items()}
    return {
        name: Outcome(
            status="failed" if looks[name].reachable else "unreachable",
            message=f"{check.finding}: {check.remedy}", acted=False,
        )
        for name, check in found.items() if check is not None
    }  # fmt: skip


def run_command(
    performer: Performer,
    environment: LoadedEnvironment,
    hosts: Sequence[Host],
    command: Sequence[str],
    limit: int,
    listen: OutcomeListener,
) -> dict[str, Outcome]:
    """Run a command on each host in a box that changes no file; its exit code and output are the outcome's result.

    `limit`: seconds for each host. A command that fails is `done`, with its code; `failed` is what could not be run.
    """
    install = environment.settings.install
    arguments: dict[str, JsonValue] = {
        "command": list(command), "user": install.user, "root": install.root, "limit": limit,
    }  # fmt: skip
    asks = [question(environment, host, "inspect", arguments, limit + GRACE) for host in hosts]
    return performer.perform(asks, listen)


def read_logs(
    performer: Performer, environment: LoadedEnvironment, hosts: Sequence[Host], wanted: Mapping[str, JsonValue]
) -> dict[str, Outcome]:
    """The journal of systemd on each host. `wanted`: units (empty: the release's own), lines, since (may be empty)."""
    root = environment.settings.install.root
    asks = [
        question(environment, host, "logs", {**wanted, "root": root, "groups": list(host.groups)}, 60) for host in hosts
    ]
    return performer.perform(asks, lambda _key, _outcome: None)


def question(
    environment: LoadedEnvironment, host: Host, act: str, arguments: dict[str, JsonValue], limit: int
) -> Guarded:
    """A read-only act on one host, by its guard."""
    return Guarded(
        key=host.name, host=host, environment=environment.settings.uuid, guard="ask", act=act, verb="ask",
        timeout=limit, arguments=arguments,
    )  # fmt: skip


def _known(environment: LoadedEnvironment) -> str:
    return ", ".join([*(host.name for host in environment.hosts), *environment.group_names()])
