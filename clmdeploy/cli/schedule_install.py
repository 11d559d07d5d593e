"""`clmdeploy schedule install`: put the jobs of clm.yml onto the backup host, or print them as a crontab."""

from __future__ import annotations

import shlex
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.runtime import Runtime


@click.command(short_help="Put the jobs of clm.yml onto the backup host.")
@environment_option
@planning_options
@click.option(
    "--wheelhouse", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Wheels of all that clmdeploy needs, for a backup host that reaches no package index.",
)  # fmt: skip
@click.option("--cron", is_flag=True, help="Print the same as a crontab for this account, and install nothing.")
@json_option
@pass_invocation
def install(
    invocation: Invocation,
    environment: str,
    wheelhouse: Path | None,
    cron: bool,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Put the jobs of `backup.schedule` onto the backup host: a clmdeploy pinned by its digest, the inventory, keys of
    their own, services and timers.

    At the end the jobs' own check proves that they reach storage and hosts. A second run changes nothing; what clm.yml
    declares no more goes. `change abort` puts back what stood before.
    """
    if cron:
        if invocation.json:
            raise UsageError(
                Bilingual("--cron prints a crontab, not JSON", "--cron печатает crontab, а не JSON"),
                f"clmdeploy schedule install --cron -e {environment}",
            )
        _print_crontab(invocation, environment)
        return
    from clmdeploy.cli.errand import Errand

    def plan(runtime: Runtime) -> Plan:
        return _planned(runtime, wheelhouse, bring=options.acts)

    flags = f" --wheelhouse {shlex.quote(str(wheelhouse))}" if wheelhouse is not None else ""
    Errand(invocation, environment, "schedule install", options, consent, output, flags).carry(plan)


def _planned(runtime: Runtime, wheelhouse: Path | None, *, bring: bool) -> Plan:
    from clmdeploy.planners.schedule import plan_install
    from clmdeploy.queries.schedule_keys import refuse_unfit_keys

    refuse_unfit_keys(runtime.environment)
    asking = runtime.schedule.asking
    program = runtime.schedule.program(wheelhouse, bring=bring)
    wanted = asking.wanted(program.directory)
    facts = asking.compared(wanted)
    return plan_install(wanted, program, facts, runtime.inputs(), runtime.environment.settings)


def _print_crontab(invocation: Invocation, environment: str) -> None:
    from clmdeploy.backups.crontab import Cron, crontab
    from clmdeploy.backups.jobs import jobs_of
    from clmdeploy.config.scheduled_inventory import schedule_of
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        loaded, schedule = runtime.environment, schedule_of(runtime.environment)
        mail = loaded.settings.notify.mail if loaded.settings.notify else None
        cron = Cron(
            environment, _own_path(), str(loaded.directory.absolute().parent), loaded.settings.uuid,
            _made(runtime.own_directory / "schedule"), ",".join(mail.to) if mail else "",
        )  # fmt: skip
        click.echo(crontab(cron, schedule, jobs_of(schedule)), nl=False)


def _made(place: Path) -> str:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(place)


def _own_path() -> str:
    """Of the clmdeploy that runs: cron's PATH is another."""
    beside = Path(sys.executable).with_name("clmdeploy")
    return str(beside) if beside.exists() else shutil.which("clmdeploy") or "clmdeploy"
