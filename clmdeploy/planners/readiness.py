"""What must be true of the hosts before anything is planned: all that is not is told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clmdeploy.model.errors import HostUnreachable, NothingChanged
from clmdeploy.model.facts import HostFacts
from clmdeploy.planners.wish import Wish

CLOCK_SKEW = 60.0  # seconds; S3 signatures fail at 900, TLS and journals get confusing long before


def refuse_unready(wish: Wish, members: Sequence[HostFacts], now: float) -> None:
    """Raises HostUnreachable naming every silent host, else NothingChanged naming everything else that is wrong."""
    if not members:
        raise NothingChanged(
            f"no host here belongs to a component of {wish.release.manifest.name} {wish.release.version}",
            "compare the groups in hosts.yml with the release's components",
        )
    silent = [facts for facts in wish.fleet.hosts if not facts.reachable]
    if silent:
        raise HostUnreachable(
            "\n".join(facts.message or f"{facts.host.name} does not answer" for facts in silent),
            "bring them back, or go on without them: --limit HOST,HOST",
        )
    faults = [f"{facts.host.name}: {_ahead(wish, facts)}" for facts in wish.fleet.hosts if _is_ahead(wish, facts)]
    faults += [f"{facts.host.name}: {fault}" for facts in members for fault in _faults(wish, facts, now)]
    if faults:
        raise NothingChanged("\n".join(faults), "mend this, then run the same command again")
    _refuse_unknown_schema(wish)


def _refuse_unknown_schema(wish: Wish) -> None:
    """Not knowing is not the same as having none: every verdict rests on the version."""
    if wish.fleet.schema_state is not None or not any(facts.manifest_schema for facts in wish.fleet.hosts):
        return
    said = [f"{facts.host.name}: {facts.schema_fault}" for facts in wish.fleet.hosts if facts.schema_fault]
    raise NothingChanged(
        "\n".join(["no host could tell the version of the schema", *said]),
        "bring back a host of the group that the release's schema.group names, then run the same command again",
    )


def _faults(wish: Wish, facts: HostFacts, now: float) -> Iterator[str]:
    needs, bundle = wish.release.manifest.requires, wish.release.bundle
    if facts.current != facts.recorded and not wish.offline:
        yield (
            f"`current` names {facts.current}, the record {facts.recorded}: a switch was cut off or done by hand; "
            f"{_back_to(facts.recorded, wish.settings.install.root)}"
        )
    if wish.release.directory not in facts.staged:
        room = bundle.size + bundle.unpacked + needs.disk
        if facts.disk_free < room:
            free = f"{facts.disk_free // 1024**2} MiB free below {wish.settings.install.root}"
            yield f"{free}, {room // 1024**2 + 1} MiB needed"
        if facts.inodes_free is not None and facts.inodes_free < len(wish.release.files) + 1000:
            yield f"only {facts.inodes_free} inodes free below {wish.settings.install.root}"
    if facts.schema_fault:
        yield facts.schema_fault
    if facts.memory < needs.memory:
        yield f"{facts.memory // 1024**2} MiB of memory, {needs.memory // 1024**2} MiB needed"
    if needs.os and facts.os not in needs.os:
        yield f"runs {facts.os}; the release supports {', '.join(needs.os)}"
    if abs(facts.clock - now) > CLOCK_SKEW:
        yield f"its clock is {facts.clock - now:+.0f} s off"


def _is_ahead(wish: Wish, facts: HostFacts) -> bool:
    return wish.token is not None and facts.token > wish.token


def _ahead(wish: Wish, facts: HostFacts) -> str:
    """The host would refuse every act: it listens to larger tokens than the bucket's lease has."""
    environment, known = wish.settings.name, f"it has seen token {facts.token}, the state bucket knows {wish.token}"
    renew = f"`clmdeploy lease renew -e {environment} --confirm {environment}`"
    if facts.claim is None:
        return f"{known}: was the bucket restored from an older copy? {renew} mends that"
    return (
        f"{known}: {facts.claim.who} worked here without the storage since {facts.claim.since} "
        f"(change {facts.claim.change}): `clmdeploy journal ship -e {environment}` on that control node, "
        f"or, if it is lost, {renew}"
    )


def _back_to(recorded: str | None, root: str) -> str:
    """How an administrator puts the link back on that host."""
    command = f"ln -sfn releases/{recorded} {root}/current" if recorded else f"rm {root}/current"
    return f"to put it back there: {command}, then restart its units"
