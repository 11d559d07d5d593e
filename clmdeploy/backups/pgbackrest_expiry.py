"""pgBackRest's works on the backup host that list what its repository holds, and drop what is said.

It exits with 0 for a label that it does not know, and info whatever it finds. So each work lists again, and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.dropping import LISTING, NOTE, told, told_dropped
from clmdeploy.backups.host_files import JOBS, stanza_on_backup_host
from clmdeploy.backups.pgbackrest import Pgbackrest
from clmdeploy.backups.pgbackrest_info import StanzaInfo, read_info
from clmdeploy.backups.point import Holding
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, WorkFailed, refuse_unsuccessful
from clmdeploy.model.bilingual import Bilingual

_SOUND = (0, 2)


class _Stanza(Asked):
    stanza: str

    @property
    def engine(self) -> Pgbackrest:
        return stanza_on_backup_host(self.stanza)

    def listing(self) -> Command:
        return replace(self.engine.listing(), user=JOBS, keep=LISTING)

    def info(self, completed: Completed) -> StanzaInfo:
        """Raises WorkFailed for a repository that is not as it should be."""
        self.refuse_failed(completed)
        found = read_info(completed.stdout, self.stanza)
        if found.status.code not in _SOUND or any(one.status.code not in _SOUND for one in found.repositories):
            raise WorkFailed(found.words)
        return found

    def refuse_failed(self, completed: Completed) -> None:
        refuse_unsuccessful(completed, self.engine.ending(completed), "pgBackRest")

    def held(self, label: str) -> Holding:
        return Holding(engine="pgbackrest", repository=self.stanza, name=label)


class DatabaseListing(Repeatable):
    """Every backup of a stanza. `running`: one is being made now. `fulls`: labels of full ones, newest first.
    `surplus`: there is log from before the oldest backup.
    """

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Stanza.model_validate(arguments).listing(),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Stanza.model_validate(arguments)
        info = asked.info(completed[0])
        listed = [
            Listed(
                holding=asked.held(one.label), point=one.annotation.get(NOTE),
                references=tuple(sorted({*one.needs, *([one.prior] if one.prior else [])})),
            )
            for one in info.backups
        ]  # fmt: skip
        found = {"running": info.is_running, "fulls": _fulls(info), "surplus": _has_surplus(info)}
        return {**found, **told(arguments, listed)}


class _StanzaDrop(_Stanza):
    labels: tuple[str, ...]


class DatabaseExpiry(Repeatable):
    """Drops backups by label, newest first. pgBackRest drops all that stands on one with it: so that is looked for."""

    def caution(self, arguments: Arguments) -> tuple[Command, ...]:
        """See `work.Cautious`."""
        return (_StanzaDrop.model_validate(arguments).listing(),)

    def refuse(self, arguments: Arguments, completed: Sequence[Completed]) -> None:
        """Raises WorkFailed where something else stands on one of them."""
        asked = _StanzaDrop.model_validate(arguments)
        for one in asked.info(completed[0]).backups:
            bases = {*one.needs, *([one.prior] if one.prior else [])} & {*asked.labels}
            if one.label not in asked.labels and bases:
                raise WorkFailed(_stands_on(one.label, min(bases)), _LOOK_ANEW)

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _StanzaDrop.model_validate(arguments)
        drops = (replace(one, user=JOBS) for one in asked.engine.expire(asked.labels))
        return (*drops, asked.listing())

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """Raises WorkFailed where one of them is still listed."""
        asked = _StanzaDrop.model_validate(arguments)
        for one in completed:
            asked.refuse_failed(one)
        present = {one.label for one in asked.info(completed[-1]).backups}
        return told_dropped([asked.held(one) for one in asked.labels], {asked.held(one) for one in present})

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_StanzaDrop.model_validate(arguments).listing(),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _StanzaDrop.model_validate(arguments)
        present = {one.label for one in asked.info(completed[0]).backups}
        return {"state": "partial" if {*asked.labels} - present else "not-done"}


class _LogDrop(_Stanza):
    full: str
    """label of the oldest full backup from which any later moment is to be reached"""
    oldest: dict[str, str] = {}
    """system identifier → oldest segment that a kept point needs"""
    results: dict[str, dict[str, Found]] = {}

    @property
    def count(self) -> int:
        """Full backups from the newest to that one, as they were listed in an earlier step of this change."""
        fulls = [label for targets in self.results.values() for one in targets.values() for label in one["fulls"]]
        if self.full not in fulls:
            raise WorkFailed(_no_full(self.full))
        return 1 + fulls.index(self.full)


class LogExpiry(Repeatable):
    """Drops log that no kept point needs: all before the start of the oldest full backup from which it is to go on.

    Backups from before it keep the log that makes them consistent.
    """

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _LogDrop.model_validate(arguments)
        return (replace(asked.engine.expire_wal(asked.count), user=JOBS), asked.listing())

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """Raises WorkFailed where log is gone that was to stay."""
        asked = _LogDrop.model_validate(arguments)
        for one in completed:
            asked.refuse_failed(one)
        info = asked.info(completed[-1])
        systems = {one.id: str(one.system_id) for one in info.databases}
        firsts = {systems.get(one.database.id, ""): one.min for one in info.archives if one.min is not None}
        gone = [name for system, name in asked.oldest.items() if system in firsts and firsts[system] > name]
        if gone:
            raise WorkFailed(_log_gone(gone[0]))
        return {"fulls": asked.count, "first": {key: name for key, name in firsts.items() if key}}


def _stands_on(label: str, base: str) -> Bilingual:
    return Bilingual(
        f"backup {label} stands on {base}, and would go with it: nothing was dropped",
        f"копия {label} опирается на {base} и исчезла бы вместе с ней: ничего не удалено",
    )


_LOOK_ANEW = Bilingual(
    "it came after this was planned: backup expire weighs all of it anew",
    "она появилась после составления плана: backup expire взвесит всё заново",
)


def _fulls(info: StanzaInfo) -> list[str]:
    """Labels begin with their time."""
    return sorted((one.label for one in info.backups if one.kind == "full"), reverse=True)


def _has_surplus(info: StanzaInfo) -> bool:
    """By each database's own log: names of segments sort by timeline first, as pgBackRest compares them."""
    needed: dict[int, str] = {}
    for one in info.backups:
        if one.archive.start is not None:
            needed[one.database.id] = min(one.archive.start, needed.get(one.database.id, one.archive.start))
    firsts = {one.database.id: one.min for one in info.archives if one.min is not None}
    return any(key in needed and first < needed[key] for key, first in firsts.items())


def _no_full(label: str) -> Bilingual:
    return Bilingual(
        f"full backup {label}, from which log is kept, is not listed: no log is dropped",
        f"полной копии {label}, начиная с которой хранится WAL, нет в списке: WAL не удаляется",
    )


def _log_gone(segment: str) -> Bilingual:
    return Bilingual(
        f"log {segment}, which a kept point needs, is gone: run clmdeploy backup verify",
        f"нет WAL {segment}, нужного оставленной точке: выполните clmdeploy backup verify",
    )
