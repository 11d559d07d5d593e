"""Why backups can't be set up: everything that stands against it is told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.backups.defects import Weight, defects_of, fork_in, release_in
from clmdeploy.backups.layout import Layout
from clmdeploy.model.bilingual import Bilingual, lines, russian
from clmdeploy.model.errors import NothingChanged, UsageError
from clmdeploy.planners.backup_facts import SetupFacts

ARCHIVE_SETTINGS = ("archive_mode", "archive_command", "archive_timeout")
_UNSET = ("", "(disabled)")


def refuse_unready(layout: Layout, facts: SetupFacts, *, restart: bool) -> None:
    """Raises NothingChanged naming every fault, or UsageError where only the consent to a restart is missing."""
    faults = [*_of_versions(layout, facts), *_of_rclone(layout, facts), *_of_servers(layout, facts)]
    if faults:
        mend = Bilingual("mend this, then run the same command again", "исправьте это и повторите ту же команду")
        raise NothingChanged(lines(faults), mend)
    off = due_restarts(facts)
    if layout.archives and off and not restart:
        names, environment = ", ".join(off), layout.settings.name
        raise UsageError(
            Bilingual(
                f"{names}: archive_mode is off, and only a restart of PostgreSQL turns it on",
                f"{names}: archive_mode выключен, а включает его только перезапуск PostgreSQL",
            ),
            f"clmdeploy backup setup -e {environment} --restart-postgresql",
        )


def due_restarts(facts: SetupFacts) -> tuple[str, ...]:
    """Database hosts whose server must be restarted."""
    return tuple(name for name, server in facts.servers.items() if server.value("archive_mode") == "off")


def archive_settings(stanza: str) -> dict[str, str]:
    """What PostgreSQL is to be told, as it tells it itself. `%p` is PostgreSQL's own placeholder."""
    command = f"pgbackrest --stanza={stanza} archive-push %p"
    return {"archive_mode": "on", "archive_command": command, "archive_timeout": "60"}


def _of_versions(layout: Layout, facts: SetupFacts) -> Iterator[str]:
    """pgBackRest speaks only to itself in the very same version."""
    found: dict[str, list[str]] = {}
    for host in layout.parties.all:
        known = facts.hosts[host.name].packages.get("pgbackrest", {})
        version = known.get("installed") or known.get("candidate")
        if version:
            found.setdefault(version, []).append(host.name)
    if len(found) > 1:
        told = "; ".join(f"{version}: {', '.join(names)}" for version, names in sorted(found.items()))
        yield Bilingual(
            f"pgBackRest must be the same version on all hosts, but it is (or would be) {told}",
            f"версия pgBackRest должна быть одна на всех узлах, а сейчас (или после установки): {told}",
        )
    for version in found:
        yield from _refused("pgbackrest", version)


def _of_rclone(layout: Layout, facts: SetupFacts) -> Iterator[str]:
    host = layout.parties.backup.name
    if not facts.rclone:
        yield Bilingual(
            f"{host}: rclone is not there: put version 1.75 or newer at /usr/local/bin/rclone (Debian's is too old)",
            f"{host}: нет rclone: положите версию 1.75 или новее в /usr/local/bin/rclone (в Debian она слишком старая)",
        )
        return
    for fault in _refused("rclone", facts.rclone_version):
        yield Bilingual(f"{host}: {fault}", f"{host}: {russian(fault)}")


def _refused(engine: str, said: str) -> Iterator[str]:
    release = release_in(said)
    if release is None:
        yield Bilingual(f"{engine} does not tell its version", f"{engine} не сообщает свою версию")
        return
    shown = ".".join(map(str, release))
    for defect in defects_of(engine, release):
        if defect.weight is Weight.REFUSE:
            yield Bilingual(
                f"{engine} {shown}: {defect.words} ({defect.reference})",
                f"{engine} {shown}: {russian(defect.words)} ({defect.reference})",
            )


def _of_servers(layout: Layout, facts: SetupFacts) -> Iterator[str]:
    if not layout.archives:
        return
    if all(server.standby for server in facts.servers.values()):
        group = layout.backup.database.group
        yield Bilingual(f"group {group} has no primary", f"в группе {group} нет основного сервера")
    wanted = archive_settings(layout.backup.database.stanza)
    for name, server in facts.servers.items():
        fork, command = fork_in(server.told), server.value("archive_command")
        if fork:
            yield Bilingual(
                f"{name}: runs {fork}, which pgBackRest can't back up: set backup.database.engine to pgdump",
                f"{name}: работает {fork}, с ним pgBackRest не справится: укажите backup.database.engine: pgdump",
            )
        if command not in (*_UNSET, wanted["archive_command"]):
            yield Bilingual(
                f"{name}: archive_command is {command!r} already: end that archiving first, nobody may lose WAL by us",
                f"{name}: archive_command уже задана: {command!r}; сначала завершите ту архивацию, чтобы не терять WAL",
            )
        if server.value("archive_library"):
            yield Bilingual(f"{name}: archive_library is set", f"{name}: задана archive_library")
        if server.value("wal_level") == "minimal":
            yield Bilingual(
                f"{name}: wal_level is minimal: set it to replica and restart PostgreSQL",
                f"{name}: wal_level = minimal: задайте replica и перезапустите PostgreSQL",
            )
