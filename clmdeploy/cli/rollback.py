"""`clmdeploy rollback`: back to the release before, with a verdict first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, reason_text, rollout_options, version_text
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.model.version import Version


@click.command(short_help="Go back to the release before, with a verdict first.")
@environment_option
@click.option("--to", "version", type=version_text, metavar="VERSION", help="Which release.  [default: the one before]")
@rollout_options
@click.option(
    "--accept-outage", type=reason_text, metavar="REASON", help="Allow a way back during which nothing can serve."
)
@click.option("--stop-backup", is_flag=True, help="Ask a running backup to stop, where this needs the data to itself.")
@click.option("--offline", is_flag=True, help="Without the storage: out of reach, or damaged. Wants --reason.")
@click.option(
    "--instead-of", metavar="CHANGE", help="With --offline: that work without the storage will not go on any more."
)
@json_option
@pass_invocation
def rollback(
    invocation: Invocation,
    version: Version | None,
    environment: str,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Go back to a release that ran here before.

    The verdict comes first: safe, needs a migration reverted, or needs a restore. In the last case nothing is done.

    With --offline neither lease nor journal can be reached or believed: the hosts themselves keep other control nodes
    out, the release before is taken as they hold it, and the journal is kept here until `journal ship`.
    """
    from clmdeploy.cli.rollout import Rollout
    from clmdeploy.planners.rollback import plan_rollback

    if options.instead_of is not None and not options.offline:
        raise UsageError(invocation.both("offline.instead_of"), "--offline")
    if options.offline and options.reason is None:
        raise UsageError(invocation.both("offline.reason"), '--reason "TEXT"')
    title = f"rollback --to {version}" if version else "rollback"
    rollout = Rollout(invocation, environment, title, options, consent, output, goes_back=True)
    rollout.carry(lambda wishing, choices, now: plan_rollback(wishing.rollback(version, choices), now))
