"""What must be true of the hosts before anything is planned: all that is not is told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clmdeploy.model.bilingual import Bilingual, lines, russian
from clmdeploy.model.errors import HostUnreachable, NothingChanged
from clmdeploy.model.facts import HostFacts
from clmdeploy.planners.wish import Wish

CLOCK_SKEW = 60.0  # seconds; S3 signatures fail at 900, TLS and journals get confusing long before


def refuse_unready(wish: Wish, members: Sequence[HostFacts], now: float) -> None:
    """Raises HostUnreachable naming every silent host, else NothingChanged naming everything else that is wrong."""
    if not members:
        release = f"{wish.release.manifest.name} {wish.release.version}"
        raise NothingChanged(
            Bilingual(
                f"no host here belongs to a component of {release}",
                f"ни один узел здесь не относится к компонентам {release}",
            ),
            Bilingual(
                "compare the groups in hosts.yml with the release's components",
                "сравните группы в hosts.yml с компонентами релиза",
            ),
        )
    silent = [facts for facts in wish.fleet.hosts if not facts.reachable]
    if silent:
        raise HostUnreachable(
            lines(silence(facts) for facts in silent),
            Bilingual(
                "bring them back, or go on without them: --limit HOST,HOST",
                "верните их в строй или продолжайте без них: --limit УЗЕЛ,УЗЕЛ",
            ),
        )
    faults = [_on(facts, _ahead(wish, facts)) for facts in wish.fleet.hosts if _is_ahead(wish, facts)]
    faults += [_on(facts, fault) for facts in members for fault in _faults(wish, facts, now)]
    if faults:
        mend = Bilingual("mend this, then run the same command again", "исправьте это и повторите ту же команду")
        raise NothingChanged(lines(faults), mend)
    _refuse_unknown_schema(wish)


def silence(facts: HostFacts) -> str:
    """Of a host that did not answer: why not."""
    name = facts.host.name
    return facts.message or Bilingual(f"{name} does not answer", f"{name} не отвечает")


def _refuse_unknown_schema(wish: Wish) -> None:
    """Not knowing is not the same as having none: every verdict rests on the version."""
    if wish.fleet.schema_state is not None or not any(facts.manifest_schema for facts in wish.fleet.hosts):
        return
    said = [_on(facts, facts.schema_fault) for facts in wish.fleet.hosts if facts.schema_fault]
    untold = Bilingual("no host could tell the version of the schema", "ни один узел не смог назвать версию схемы")
    raise NothingChanged(
        lines([untold, *said]),
        Bilingual(
            "bring back a host of the group that the release's schema.group names, then run the same command again",
            "верните в строй узел группы, названной в schema.group релиза, и повторите ту же команду",
        ),
    )


def _faults(wish: Wish, facts: HostFacts, now: float) -> Iterator[str]:
    needs = wish.release.manifest.requires
    if facts.current != facts.recorded and not wish.offline:
        yield _cut_off(facts, wish.settings.install.root)
    if wish.release.directory not in facts.staged:
        yield from _lacking_room(wish, facts)
    if facts.schema_fault:
        yield facts.schema_fault
    if facts.memory < needs.memory:
        have, need = facts.memory // 1024**2, needs.memory // 1024**2
        yield Bilingual(f"{have} MiB of memory, {need} MiB needed", f"памяти {have} МиБ, нужно {need} МиБ")
    if needs.os and facts.os not in needs.os:
        supported = ", ".join(needs.os)
        yield Bilingual(
            f"runs {facts.os}; the release supports {supported}", f"на узле {facts.os}; релиз поддерживает {supported}"
        )
    if abs(facts.clock - now) > CLOCK_SKEW:
        skew = f"{facts.clock - now:+.0f}"
        yield Bilingual(f"its clock is {skew} s off", f"часы расходятся на {skew} с")


def _lacking_room(wish: Wish, facts: HostFacts) -> Iterator[str]:
    bundle, root, free = wish.release.bundle, wish.settings.install.root, facts.disk_free // 1024**2
    room = bundle.size + bundle.unpacked + wish.release.manifest.requires.disk
    if facts.disk_free < room:
        needed = room // 1024**2 + 1
        yield Bilingual(
            f"{free} MiB free below {root}, {needed} MiB needed", f"в {root} свободно {free} МиБ, нужно {needed} МиБ"
        )
    if facts.inodes_free is not None and facts.inodes_free < len(wish.release.files) + 1000:
        inodes = facts.inodes_free
        yield Bilingual(f"only {inodes} inodes free below {root}", f"в {root} свободно inode: всего {inodes}")


def _is_ahead(wish: Wish, facts: HostFacts) -> bool:
    return wish.token is not None and facts.token > wish.token


def _ahead(wish: Wish, facts: HostFacts) -> str:
    """The host would refuse every act: it listens to larger tokens than the bucket's lease has."""
    environment, claim = wish.settings.name, facts.claim
    known = Bilingual(
        f"it has seen token {facts.token}, the state bucket knows {wish.token}",
        f"узел видел токен {facts.token}, в бакете состояния {wish.token}",
    )
    ship = f"`clmdeploy journal ship -e {environment}`"
    renew = f"`clmdeploy lease renew -e {environment} --confirm {environment}`"
    if claim is None:
        return Bilingual(
            f"{known}: was the bucket restored from an older copy? {renew} mends that",
            f"{russian(known)}: бакет восстановлен из старой копии? Исправит {renew}",
        )
    return Bilingual(
        f"{known}: {claim.who} worked here without the storage since {claim.since} (change {claim.change}): {ship} on "
        f"that control node, or, if it is lost, {renew}",
        f"{russian(known)}: {claim.who} работает здесь без хранилища с {claim.since} (изменение {claim.change}): "
        f"{ship} на том управляющем узле или, если он утрачен, {renew}",
    )


def _cut_off(facts: HostFacts, root: str) -> str:
    """And how an administrator puts the link back on that host."""
    current, recorded = facts.current, facts.recorded
    back = f"ln -sfn releases/{recorded} {root}/current" if recorded else f"rm {root}/current"
    return Bilingual(
        f"`current` names {current}, the record {recorded}: a switch was cut off or done by hand; to put it back "
        f"there: {back}, then restart its units",
        f"`current` указывает на {current}, а в записи {recorded}: переключение прервано или сделано вручную; вернуть "
        f"на место: {back}, затем перезапустить службы",
    )


def _on(facts: HostFacts, fault: str) -> str:
    name = facts.host.name
    return Bilingual(f"{name}: {fault}", f"{name}: {russian(fault)}")
