"""`clmdeploy backup create`: make a restore point."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options, reason_text

if TYPE_CHECKING:
    from clmdeploy.planners.outlook import Foreseen
    from clmdeploy.runtime import Runtime


@click.command(short_help="Make a restore point: database, files and release as one set.")
@environment_option
@click.option(
    "--type", "kind", type=click.Choice(["full", "diff", "incr"]), default="incr", show_default=True,
    help="Of the database: everything, what changed since the last full one, or since the last one.",
)  # fmt: skip
@click.option("--pin", type=reason_text, metavar="REASON", help="Keep it until it is unpinned, and why.")
@planning_options
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    environment: str,
    kind: Literal["full", "diff", "incr"],
    pin: str | None,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Make a restore point: a backup of the database, a named moment in its log, snapshots of the files.

    It exists when all of that is stored and checked, or not at all. Nothing that runs is touched; a rollback is never
    kept waiting. The first backup is a full one, whatever --type says. One that was cut off is closed and made anew.
    """
    from clmdeploy.cli.errand import Errand
    from clmdeploy.planners.backup import plan_backup

    def plan(runtime: Runtime) -> Foreseen:
        return runtime.foresee(plan_backup(runtime.backing_up().wish(kind, options.reason or "", pin)))

    flags = f" --type {kind}" + (f" --pin {shlex.quote(pin)}" if pin else "")
    errand = Errand(
        invocation, environment, "backup create", options, consent, output, flags, scope="data", replaces=("backup",),
        anew=True,
    )  # fmt: skip
    errand.carry(plan)
