"""Works on PostgreSQL itself, through psql on its own host: who is the primary, and the named restore point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field, TypeAdapter

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import fork_in
from clmdeploy.backups.engine import Ending, Outcome, plain_ending
from clmdeploy.backups.host_files import DATABASE
from clmdeploy.backups.output import Told, document, lines, shown, unintelligible
from clmdeploy.backups.point import restore_point_name
from clmdeploy.backups.wal import Segment, is_lsn
from clmdeploy.backups.work import Arguments, Asked, Found, OfPoint, Repeatable, refuse_unsuccessful
from clmdeploy.model.bilingual import Bilingual

_ROLE = """
select json_build_object(
  'standby', pg_is_in_recovery(), 'version', version(), 'archive_mode', current_setting('archive_mode'),
  'pgpro', to_regproc('pg_catalog.pgpro_version') is not null,
  'system_id', (select system_identifier::text from pg_control_system()),
  'size', (select coalesce(sum(pg_database_size(oid)), 0) from pg_database))
"""
_NAME = """
select name, pg_create_restore_point(name)
from (select '{}-' || replace(pg_current_wal_insert_lsn()::text, '/', '-') as name offset 0) as named
"""
_AT = """
select json_build_object(
  'system_id', (select system_identifier::text from pg_control_system()),
  'segment', pg_walfile_name(pg_current_wal_lsn()),
  'segment_size', pg_size_bytes(current_setting('wal_segment_size')),
  'size', (select coalesce(sum(pg_database_size(oid)), 0) from pg_database),
  'inserted', tup_inserted, 'updated', tup_updated, 'deleted', tup_deleted,
  'at', extract(epoch from clock_timestamp()),
  'statistics', concat_ws('/', coalesce(extract(epoch from stats_reset)::text, '-'),
    (select extract(epoch from stats_reset)::text from pg_stat_bgwriter)))
from pg_stat_database where datname = current_database()
"""


class _Server(Asked):
    database: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,62}$")
    port: int = Field(5432, ge=1, le=65535)

    def psql(self, *statements: str) -> Command:
        """Each statement by itself, in the order given; the first that fails ends it."""
        argv = (
            "psql", "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password",
            "--set=ON_ERROR_STOP=1", f"--port={self.port}", f"--dbname={self.database}",
            *(f"--command={' '.join(one.split())}" for one in statements),
        )  # fmt: skip
        limit = "-c statement_timeout=60s -c lock_timeout=20s"
        return Command(argv, 90, {"LC_ALL": "C", "PGCONNECT_TIMEOUT": "10", "PGOPTIONS": limit}, user=DATABASE)


class _Standing(Told):
    standby: bool
    version: str
    archive_mode: str
    pgpro: bool
    system_id: str
    size: int


class _Moment(Told):
    system_id: str
    segment: str
    segment_size: int
    size: int = 0
    inserted: int
    updated: int
    deleted: int
    at: float
    statistics: str


_STANDING, _MOMENT = TypeAdapter(_Standing), TypeAdapter(_Moment)


class Role(Repeatable):
    """Asked, never performed: primary or standby, which cluster, which PostgreSQL."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Server.model_validate(arguments).psql(_ROLE),)

    def read(self, _arguments: Arguments, completed: Sequence[Completed]) -> Found:
        refuse_unsuccessful(completed[0], ending(completed[0]), "psql")
        told = document(_STANDING, completed[0].stdout, "psql")
        return {
            "standby": told.standby, "version": shown(told.version), "archive_mode": told.archive_mode,
            "fork": "Postgres Pro" if told.pgpro else fork_in(told.version),
            "system_id": told.system_id, "size": told.size,
        }  # fmt: skip


class _Naming(_Server, OfPoint):
    """Where, and which point."""


class NamedPoint(Repeatable):
    """A named restore point in the log, which is then switched so that it can be archived; primary only.

    Its name ends with the place where the log stood, since recovery stops at the first of a name: an attempt whose
    answer was lost must not share it. Told too: how many rows were ever written, so that a rollback to here can say how
    many it would lose.
    """

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Naming.model_validate(arguments)
        return (asked.psql(_NAME.format(restore_point_name(asked.point)), _AT, "select pg_switch_wal()"),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Naming.model_validate(arguments)
        refuse_unsuccessful(completed[0], ending(completed[0]), "psql")
        told = [line for line in lines([completed[0].stdout], "psql") if line.strip()]
        name, _, lsn = told[0].decode("ascii", "replace").strip().partition("|") if told else ("", "", "")
        if len(told) != 3 or not is_lsn(lsn) or not name.startswith(restore_point_name(asked.point)):
            raise unintelligible("psql", shown(completed[0].stdout) or "nothing")
        moment = document(_MOMENT, told[1], "psql")
        timeline = int(moment.segment[:8], 16)
        return {
            "name": name, "lsn": lsn, "timeline": timeline,
            "segment": Segment.ending_at(timeline, lsn, moment.segment_size).name,
            "segment_size": moment.segment_size, "system_id": moment.system_id, "size": moment.size,
            "counters": _counters(moment),
        }  # fmt: skip


class Moment(Repeatable):
    """Which cluster this is, and how many rows were ever written: before a dump, which has no moment in the log."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Server.model_validate(arguments).psql(_AT),)

    def read(self, _arguments: Arguments, completed: Sequence[Completed]) -> Found:
        refuse_unsuccessful(completed[0], ending(completed[0]), "psql")
        told = document(_MOMENT, completed[0].stdout, "psql")
        return {
            "system_id": told.system_id, "timeline": int(told.segment[:8], 16),
            "counters": _counters(told),
        }  # fmt: skip


def _counters(moment: _Moment) -> Found:
    at = datetime.fromtimestamp(moment.at, UTC).isoformat()
    counted = {"inserted": moment.inserted, "updated": moment.updated, "deleted": moment.deleted}
    return {**counted, "at": at, "statistics": shown(moment.statistics)}


def ending(completed: Completed) -> Ending:
    """psql ends with 2 where it could not connect, with 3 after a failed statement."""
    plain = plain_ending(completed.code)
    if plain is not None:
        return plain
    said, outcome = shown(completed.stderr.strip()), Outcome.UNAVAILABLE if completed.code == 2 else Outcome.FAILED
    words = Bilingual(f"psql ended with {completed.code}: {said}", f"psql завершился с кодом {completed.code}: {said}")
    return Ending(outcome, words)
