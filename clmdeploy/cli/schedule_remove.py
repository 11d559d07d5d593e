"""`clmdeploy schedule remove`: take timers, services, keys, inventory, ledgers and program away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.runtime import Runtime


@click.command(short_help="Take all of it away again.")
@environment_option
@planning_options
@json_option
@pass_invocation
def remove(invocation: Invocation, environment: str, options: RolloutOptions, consent: Consent, output: Output) -> None:
    """Take everything away that `schedule install` brought: timers, services, keys, inventory, program, the account,
    and the ledgers of past runs.

    A run at work is asked to stop, and ends at its next safe point. Restore points and what `backup setup` made stay.
    """
    from clmdeploy.cli.errand import Errand

    Errand(invocation, environment, "schedule remove", options, consent, output).carry(_planned)


def _planned(runtime: Runtime) -> Plan:
    from clmdeploy.planners.schedule import plan_removal

    asking = runtime.schedule.asking
    return plan_removal(asking.host, asking.found(), runtime.inputs(), runtime.environment.settings)
