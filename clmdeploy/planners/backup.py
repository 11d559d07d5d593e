"""Backup: the steps that make a restore point, alone or within another change. Pure.

The order is what makes it one point: first the database, then a named moment after its end, the log up to there, then
the files, which so are never older than the rows that speak of them; the manifest last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.publishing import DUMP_STEPS, STEPS
from clmdeploy.changes.plan import Action, EngineCall, Plan, Policy, Step, StoreCall, Target, TaskCall, Verdict
from clmdeploy.config.backup import Backup
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.point_facts import PointFacts
from clmdeploy.planners.point_refusals import refuse_unready
from clmdeploy.planners.trees import trees_of

DAY = 86400
Type = Literal["full", "diff", "incr"]


@dataclass(frozen=True)
class PointWish:
    """What is wanted and what is known."""

    layout: Layout
    facts: PointFacts
    inputs: Mapping[str, str]
    type: Type = "incr"
    reason: str = ""
    pin: str | None = None
    """why it is to be kept; None: the rules of retention decide"""

    @property
    def backup(self) -> Backup:
        return self.layout.backup


@dataclass(frozen=True)
class Place:
    """Where in a change a point is made. `local`: 1 for the first point of that change, 2 for the next."""

    local: int = 1
    stage: str = ""
    """empty: stages of its own"""
    prefix: str = ""
    """of the IDs of its steps"""
    data: bool = False
    """whether the data lease must be taken for each step: where the change does not hold it anyway"""
    schema_step: str = ""
    """an earlier step that asks for the schema's version, where that is not known yet"""


ALONE = Place()


def plan_backup(wish: PointWish) -> Plan:
    """The plan of `backup create`. Raises NothingChanged or HostUnreachable with everything that stands against it."""
    refuse_unready(wish.layout, wish.facts)
    settings, release = wish.layout.settings, wish.facts.release
    kind = wish.type if wish.layout.archives else "dump"
    return Plan(
        kind="backup", environment=settings.name, environment_id=settings.uuid, application=settings.application,
        title=f"Make a restore point of {settings.name} ({kind})", inputs=dict(wish.inputs),
        hosts=point_hosts(wish), steps=tuple(point_steps(wish)), policy=Policy(on_failure="take-back-all"),
        verdict=Verdict(kind="safe", reason=_HARMLESS),
        expected={"release": release.directory if release else None, "schema": wish.facts.schema_version},
    )  # fmt: skip


def point_hosts(wish: PointWish) -> tuple[Host, ...]:
    """Everybody whom the steps name, for the plan that they stand in."""
    with_files = trees_of(wish.layout, wish.facts.release)
    named = {wish.layout.parties.backup.name, wish.facts.primary.host.name, *with_files}
    return tuple(host for host in wish.layout.parties.all if host.name in named)


def point_steps(wish: PointWish, place: Place = ALONE) -> Iterator[Step]:
    """The steps of one point. `refuse_unready` has found nothing against it."""
    make = _Maker(wish, place, trees_of(wish.layout, wish.facts.release))
    yield from make.checks()
    yield from make.database() if wish.layout.archives else make.dump()
    if make.trees:
        yield from make.files()
    yield make.publication()


@dataclass(frozen=True)
class _Maker:
    wish: PointWish
    place: Place
    trees: Mapping[str, tuple[str, ...]]

    def checks(self) -> Iterator[Step]:
        host = self._backup_host
        yield self._dumpable() if not self.wish.layout.archives else self._step(
            "check-database", "check", f"Check the repository, and the way of the log into it, on {host}",
            EngineCall(act="pgbackrest-check", arguments=self._stanza), [Target(host=host, subject=host)], 300,
        )  # fmt: skip
        if self.trees:
            names = ", ".join(self.trees)
            call = EngineCall(act="restic-check")
            yield self._step("check-files", "check", f"Check the files of {names}", call, self._file_targets, 300)

    def database(self) -> Iterator[Step]:
        host, primary, database = self._backup_host, self.wish.facts.primary, self.wish.backup.database
        there = [Target(host=host, subject=host)]
        order = self._point | self._stanza | {"type": self.wish.type}
        yield self._step(
            "database", "database", f"Back up the database ({self.wish.type})",
            EngineCall(act="pgbackrest-backup", arguments=order, uses=(self._id("check-database"),)), there, DAY,
        )  # fmt: skip
        server: dict[str, JsonValue] = {"database": database.name, "port": database.port}
        yield self._step(
            "named-point", "database", f"Name this moment in the log on {primary.host.name}",
            EngineCall(act="postgres-point", arguments=self._point | server),
            [Target(host=primary.host.name, subject=primary.host.name)], 240,
        )  # fmt: skip
        uses = (self._id("database"), self._id("named-point"))
        waiting = EngineCall(act="pgbackrest-archived", arguments=self._point | self._stanza, uses=uses)
        yield self._step("archived", "database", "Wait until the log is stored up to there", waiting, there, 900)

    def dump(self) -> Iterator[Step]:
        """The rows are counted before it, so that what a rollback would lose is never told too small."""
        name, database = self.wish.facts.primary.host.name, self.wish.backup.database
        server: dict[str, JsonValue] = {"database": database.name, "port": database.port}
        there = [Target(host=name, subject=name)]
        counting = EngineCall(act="postgres-moment", arguments=server)
        yield self._step("moment", "database", f"Count the rows ever written on {name}", counting, there, 240)
        dumping = TaskCall(act="dump", arguments=self._point | self._server)
        yield self._step("database", "database", f"Dump the database {database.name}", dumping, there, DAY)

    def _dumpable(self) -> Step:
        name = self.wish.facts.primary.host.name
        call = TaskCall(act="dumpable", arguments=self._server)
        title = f"Check that {name} can dump, and reach the storage through the gateway"
        return self._step("check-database", "check", title, call, [Target(host=name, subject=name)], 300)

    def files(self) -> Iterator[Step]:
        call = EngineCall(act="restic-backup", arguments=self._point)
        names = ", ".join(self.trees)
        yield self._step("files", "files", f"Take snapshots of the files of {names}", call, self._file_targets, DAY)

    def publication(self) -> Step:
        settings, release, database = self.wish.layout.settings, self.wish.facts.release, self.wish.backup.database
        declared: dict[str, JsonValue] = {
            "environment": settings.name, "environment_id": settings.uuid, "reason": self.wish.reason,
            "release": release.directory if release else None, "schema_version": self.wish.facts.schema_version,
            "config_digest": self.wish.inputs["settings"], "engine": database.engine,
            "repository": database.stanza if self.wish.layout.archives else self.wish.facts.primary.host.name,
            "repositories": {host: host for host in self.trees},
            "paths": {host: list(paths) for host, paths in self.trees.items()},
            "pin": self.wish.pin, "schema_step": self.place.schema_step,
        }  # fmt: skip
        uses = tuple(
            self._id(one)
            for one in (STEPS if self.wish.layout.archives else DUMP_STEPS)
            if self.trees or one != "files"
        )
        uses += (self.place.schema_step,) if self.place.schema_step else ()
        call = StoreCall(act="publish-point", arguments=self._point | declared, uses=uses)
        there = [Target(host=self._backup_host, subject=self._backup_host)]
        return self._step("publish", "publish", "Publish the restore point", call, there, 300)

    @property
    def _backup_host(self) -> str:
        return self.wish.layout.parties.backup.name

    @property
    def _point(self) -> dict[str, JsonValue]:
        """Which of its change's points: the change itself is known when the step acts."""
        return {"local": self.place.local, "prefix": self.place.prefix}

    @property
    def _stanza(self) -> dict[str, JsonValue]:
        database = self.wish.backup.database
        return {"stanza": database.stanza, "processes": database.processes}

    @property
    def _server(self) -> dict[str, JsonValue]:
        """The server that is dumped, and the way to the storage."""
        database = self.wish.backup.database
        return {
            "data": database.data, "port": database.port, "database": database.name, "processes": database.processes,
            "gateway": self.wish.layout.repository_of(self.wish.facts.primary.host.name),
        }  # fmt: skip

    @property
    def _file_targets(self) -> list[Target]:
        return [
            Target(host=host, subject=host, arguments={
                "host": host, "repository": self.wish.layout.repository_of(host), "paths": list(paths),
            })
            for host, paths in self.trees.items()
        ]  # fmt: skip

    def _step(self, name: str, stage: str, title: str, action: Action, targets: list[Target], timeout: int) -> Step:
        """A failure leaves nothing to be taken back: what was stored for no point, `backup expire` removes.

        Within another change all hosts rest on the point: its failure is never tolerated.
        """
        return Step(
            id=self._id(name), stage=self.place.stage or stage, title=title, action=action, targets=tuple(targets),
            undo="nothing", data=self.place.data, whole_fleet=self.place.data, timeout=timeout,
        )  # fmt: skip

    def _id(self, name: str) -> str:
        return self.place.prefix + name


_HARMLESS = Bilingual(
    "nothing that runs is touched; what is stored for a point that is not made, backup expire removes",
    "работающее не затрагивается; сохранённое для несостоявшейся точки удалит backup expire",
)
