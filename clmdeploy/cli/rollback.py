"""`clmdeploy rollback`: back to the release before, with a verdict first."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, reason_text, rollout_options, version_text
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.model.version import Version
    from clmdeploy.planners.outlook import Foreseen
    from clmdeploy.runtime import Runtime


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
@click.option(
    "--with-restore", is_flag=True, help="Where the verdict is needs restore: restore that point too, in one change."
)
@click.option(
    "--no-safety-point",
    type=reason_text,
    metavar="REASON",
    help="With --with-restore: don't store what stands now; is recorded.",
)
@json_option
@pass_invocation
def rollback(
    invocation: Invocation,
    version: Version | None,
    environment: str,
    with_restore: bool,
    no_safety_point: str | None,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Go back to a release that ran here before.

    The verdict comes first: safe, needs a migration reverted, or needs a restore. In the last case nothing is done, and
    the restore point is named. With --with-restore that point and the release before come back together; how many
    seconds and rows of data written since would be lost is said first.

    With --offline neither lease nor journal can be reached or believed: the hosts themselves keep other control nodes
    out, the release before is taken as they hold it, and the journal is kept here until `journal ship`.
    """
    from clmdeploy.cli.errand import Errand
    from clmdeploy.cli.rollout import Rollout
    from clmdeploy.planners.rollback import plan_rollback

    if options.instead_of is not None and not options.offline:
        raise UsageError(invocation.both("offline.instead_of"), "--offline")
    if options.offline and options.reason is None:
        raise UsageError(invocation.both("offline.reason"), '--reason "TEXT"')
    title = f"rollback --to {version}" if version else "rollback"
    if with_restore or no_safety_point:
        _refuse_rolling(invocation, options, with_restore=with_restore)
        flags = " --with-restore" + (f" --no-safety-point {shlex.quote(no_safety_point)}" if no_safety_point else "")
        errand = Errand(invocation, environment, title, options, consent, output, flags, kind="restore")
        errand.carry(lambda runtime: _with_data(runtime, version, no_safety_point))
        return
    rollout = Rollout(invocation, environment, title, options, consent, output, goes_back=True)
    rollout.carry(lambda wishing, choices, now: plan_rollback(wishing.rollback(version, choices), now))


_OF_ANY = ("reason", "dry_run", "lease_wait")


def _refuse_rolling(invocation: Invocation, options: RolloutOptions, *, with_restore: bool) -> None:
    """With a restore all hosts stop together: no batches, no limits, nothing without the storage."""
    if not with_restore:
        raise UsageError(invocation.both("rollback.no_safety_point"), "--with-restore")
    usual = RolloutOptions()
    for one in fields(options):
        if one.name not in _OF_ANY and getattr(options, one.name) != getattr(usual, one.name):
            name = f"--{one.name.replace('_', '-')}"
            raise UsageError(
                invocation.both("rollback.all_at_once", option=name), invocation.both("rollback.leave", option=name)
            )


def _with_data(runtime: Runtime, version: Version | None, no_safety_point: str | None) -> Foreseen:
    from clmdeploy.planners.restore import plan_restore
    from clmdeploy.planners.ways_back import point_to_restore
    from clmdeploy.queries.restoring import Asked
    from clmdeploy.queries.wishes import Choices

    back = runtime.wishing().rollback(version, Choices())
    reasons = {"no_safety_point": no_safety_point} if no_safety_point else {}
    asked = Asked(point_to_restore(back), reasons=reasons, release=back.release.directory)
    wish = runtime.restoring().wish(asked)
    return runtime.foresee(plan_restore(wish), wish)
