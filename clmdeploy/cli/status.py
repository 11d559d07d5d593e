"""`clmdeploy status`: what runs where, and what is still open."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ExitCode

if TYPE_CHECKING:
    from clmdeploy.queries.safety import Safety
    from clmdeploy.queries.status import RecordStatus
    from clmdeploy.runtime import Runtime


@click.command(short_help="What runs where, and what is still open.")
@environment_option
@click.option("--probe", is_flag=True, help="Ask every service how it is and which version answers.")
@click.option(
    "--notify",
    is_flag=True,
    help="Tell those whom clm.yml names, once, of changes left open that nobody is at work on.",
)
@json_option
@pass_invocation
def status(invocation: Invocation, environment: str, probe: bool, notify: bool) -> None:
    """Show what runs where, the balancers' view, the newest change, and what is still open with the command to type.

    The hosts themselves are asked, and silent ones named. With the state bucket out of reach the hosts are shown alone;
    with --notify that is a failure, since nobody could be told of what is not known. So it is when a notice reached
    nobody, and could not be kept for later either.

    Where clm.yml describes backups: whether the log of the database reaches the storage, and the newest restore point.
    """
    from clmdeploy.cli.notices import refuse_untold, retry_notices, tell_left_open
    from clmdeploy.cli.render.status import show_status, status_json
    from clmdeploy.queries.status import fleet_status, record_status
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.offline import cut_off, unshipped

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        if notify:
            refuse_untold(runtime)
        fleet = fleet_status(runtime.hosts, runtime.environment, probe=probe or notify)
        record = record_status(lambda: (runtime.journals, runtime.leases))
        record = record.model_copy(update={"unshipped": tuple(unshipped(runtime)), "cut_off": cut_off(runtime)})
        safety = _safety(runtime, record)
        if not invocation.json:
            show_status(invocation, runtime.environment.settings, fleet, record, safety)
        told = tell_left_open(invocation, runtime, fleet, record) if notify else None
        if invocation.json:
            document = status_json(invocation, environment, fleet, record, safety, told)
            click.echo(json.dumps(document, ensure_ascii=False))
        if not any(one.kept for one in told or ()):
            retry_notices(invocation, runtime)
    if notify and (record.fault or any(one.is_lost for one in told or ())):
        raise click.exceptions.Exit(ExitCode.FAILED_UNCHANGED)


def _safety(runtime: Runtime, record: RecordStatus) -> Safety | None:
    """None where clm.yml describes no backups: then nobody is asked."""
    if runtime.environment.settings.backup is None:
        return None
    from clmdeploy.queries.points import points_of
    from clmdeploy.queries.safety import safety_status
    from clmdeploy.runtime.verification import BackupReach

    watch = BackupReach(runtime).log_watch
    points = None if record.fault else lambda: points_of(runtime.points, runtime.marks)
    return safety_status(watch.look if watch else None, points)
