"""`clmdeploy restore`: database, files and release as a restore point holds them, or as of a moment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options, reason_text
from clmdeploy.model.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.scopes import Kind
    from clmdeploy.planners.outlook import Foreseen
    from clmdeploy.planners.restore_wish import Scope
    from clmdeploy.queries.restoring import Asked
    from clmdeploy.runtime import Runtime


@click.command(short_help="Bring database, files and release back.")
@click.argument("point", required=False)
@environment_option
@click.option(
    "--at", metavar="TIME", help="As of a moment (ISO 8601, without an offset in the environment's zone), or `end`."
)
@click.option("--only", metavar="db|files|PATH", help="A part of it.")
@click.option("--table", "tables", multiple=True, metavar="SCHEMA.TABLE", help="A single table; may be repeated.")
@click.option("--to-directory", metavar="DIR", help="Beside what runs, on the same host; for --only PATH, and --table.")
@click.option("--start-workers", is_flag=True, help="Start who sends too; alone: what a restore has left stopped.")
@click.option("--no-safety-point", type=reason_text, metavar="REASON", help="Don't store what stands now; is recorded.")
@click.option("--into", metavar="ENV", help="Into another environment: refused until personal data can be masked.")
@planning_options
@json_option
@pass_invocation
def restore(  # each argument is one option
    invocation: Invocation,
    point: str | None,
    environment: str,
    at: str | None,
    only: str | None,
    tables: tuple[str, ...],
    to_directory: str | None,
    start_workers: bool,
    no_safety_point: str | None,
    into: str | None,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Restore POINT (an ID, the beginning of one, or `latest`), or the state as of --at TIME.

    What stands now becomes a restore point first. Then the application stops, the database is restored and begins a new
    timeline, standbys and files follow, the release of the point is put in place, rows are compared with files, and the
    application starts. Who sends messages stays stopped until `restore --start-workers`, so that nothing is sent twice.

    With --to-directory what runs is not touched: a path, or single tables, are laid down beside it, on their own host.
    """
    from clmdeploy.cli.errand import Errand

    given = {"--at": at, "--only": only, "--to-directory": to_directory, "--no-safety-point": no_safety_point}
    words = "".join(f" {name} {shlex.quote(value)}" for name, value in given.items() if value)
    words += "".join(f" --table {shlex.quote(table)}" for table in tables)
    title, flags = f"restore {point}" if point else "restore", words + (" --start-workers" if start_workers else "")
    kind: Kind | None = "restore" if (point or at) and not to_directory else None  # what takes an open one's place
    errand = Errand(invocation, environment, title, options, consent, output, flags, kind=kind)
    if into is not None:
        raise InvalidInput(invocation.both("restore.into", environment=into), invocation.both("restore.into_hint"))
    if start_workers and point is None and not words:
        errand.carry(_start)
        return
    if point is None and at is None:
        raise UsageError(invocation.both("restore.what"), "clmdeploy restore POINT / --at TIME")
    asked = _asked(point, at, _scope(only, tables, to_directory), start_workers, no_safety_point)
    errand.carry(lambda runtime: _restored(runtime, asked))


def _restored(runtime: Runtime, asked: Asked) -> Foreseen:
    from clmdeploy.planners.restore import plan_restore

    wish = runtime.restoring().wish(asked)
    return runtime.foresee(plan_restore(wish), wish)


def _start(runtime: Runtime) -> Plan:
    from clmdeploy.planners.restore import plan_start

    return plan_start(runtime.restoring().senders())


def _asked(point: str | None, at: str | None, scope: Scope, start_workers: bool, no_safety_point: str | None) -> Asked:
    from clmdeploy.queries.restoring import Asked

    reasons = {"no_safety_point": no_safety_point} if no_safety_point else {}
    return Asked(point, at, scope, start_workers, reasons)


def _scope(only: str | None, tables: tuple[str, ...], directory: str | None) -> Scope:
    """Raises UsageError for a part that is none."""
    from clmdeploy.backups.restic_order import absolute
    from clmdeploy.backups.table_name import table_name
    from clmdeploy.planners.restore_wish import Scope

    place = absolute(directory) if directory else None
    if tables:
        if place is None or only is not None:
            raise UsageError(Invocation.both("restore.tables"), "--table SCHEMA.TABLE --to-directory DIR")
        names = tuple(dict.fromkeys(table_name(one) for one in tables))
        return Scope(files=False, tables=names, directory=place)
    if only in (None, "db", "files"):
        return Scope(database=only != "files", files=only != "db", directory=place)
    return Scope(database=False, path=absolute(str(only)), directory=place)
