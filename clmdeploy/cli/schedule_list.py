"""`clmdeploy schedule list`: what is installed, what ran, what was missed, and what differs from clm.yml."""

from __future__ import annotations

from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ExitCode


@click.command("list", short_help="What is installed, what ran, what was missed.")
@environment_option
@json_option
@pass_invocation
def list_jobs(invocation: Invocation, environment: str) -> None:
    """List the jobs: their timers, when they run next, how the last run ended, what was missed, and everything on the
    backup host that differs from what clm.yml declares.

    Exit code 10 when a job is not well: not installed, missed, or its last run failed.
    """
    from clmdeploy.backups.jobs import jobs_of
    from clmdeploy.cli.render.schedule import Shown, tell_schedule
    from clmdeploy.config.scheduled_inventory import schedule_of
    from clmdeploy.queries.schedule import installed_program, ledgers_of
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        loaded, asking = runtime.environment, runtime.schedule.asking
        schedule = schedule_of(loaded)
        facts = asking.found()
        facts = asking.compared(asking.wanted(installed_program(facts)), keys=False)
        ledgers, faults = ledgers_of(facts)
        zone = loaded.settings.time_zone
        shown = Shown(environment, asking.host.name, zone, jobs_of(schedule), facts, ledgers, faults)
        tell_schedule(invocation, shown)
    if not shown.is_well:
        raise click.exceptions.Exit(int(ExitCode.VERIFICATION_FAILED))
