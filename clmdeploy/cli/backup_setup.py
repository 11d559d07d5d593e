"""`clmdeploy backup setup`: make the hosts of an environment back up and be backed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.runtime import Runtime


@click.command(short_help="Prepare the backup host, the databases and the hosts with files.")
@environment_option
@planning_options
@click.option("--restart-postgresql", is_flag=True, help="Allow a restart, where archiving can't begin without one.")
@json_option
@pass_invocation
def setup(
    invocation: Invocation,
    environment: str,
    restart_postgresql: bool,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Prepare the hosts for restore points, as the section `backup` of clm.yml describes them.

    Packages, accounts, certificates, pgBackRest's server, the append-only gateway, PostgreSQL's archiving, and the
    repositories in the storage. A second run changes nothing. `change abort` puts back what stood before.
    """
    from clmdeploy.cli.errand import Errand
    from clmdeploy.planners.backup_setup import plan_backup_setup

    def plan(runtime: Runtime) -> Plan:
        setup = runtime.backup_setup().setup(restart=restart_postgresql)
        return plan_backup_setup(setup, runtime.clock.now().timestamp())

    flags = " --restart-postgresql" if restart_postgresql else ""
    Errand(invocation, environment, "backup setup", options, consent, output, flags).carry(plan)
