"""Work without the storage: begun on purpose, gone on with, and its journal shipped once the storage answers again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.rollout_options import RolloutOptions
from clmdeploy.model.errors import OutcomeUnknown, UsageError

if TYPE_CHECKING:
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.offline import OfflineRuntime


def offline_runtime(invocation: Invocation, runtime: Runtime, options: RolloutOptions) -> OfflineRuntime:
    """For new work. Raises UsageError while the storage answers, OutcomeUnknown while earlier work stands open here."""
    from clmdeploy.runtime.offline import OfflineRuntime, storage_answers, unshipped

    name = runtime.environment.name
    if options.propose or options.plan_out is not None or options.stop_backup:
        raise UsageError(invocation.say("offline.alone"), f"clmdeploy rollback -e {name} --offline --reason TEXT")
    for change in unshipped(runtime):
        if not OfflineRuntime.beside(runtime, change).journal.is_settled(change):
            raise OutcomeUnknown(
                invocation.say("offline.open", change=change),
                f"clmdeploy change resume {change} -e {name} --offline; or abort",
            )
    if options.acts and storage_answers(runtime):
        raise UsageError(invocation.say("offline.needless"), f"clmdeploy rollback -e {name}")
    return OfflineRuntime.beside(runtime, runtime.change_id("rollback"), options.limit, options.instead_of or "")


def open_offline_runtime(invocation: Invocation, runtime: Runtime, wanted: str | None) -> OfflineRuntime:
    """For work that stands open here. Raises UsageError when there is none, or while the storage answers."""
    from clmdeploy.runtime.offline import OfflineRuntime, storage_answers, unshipped

    if storage_answers(runtime):
        raise UsageError(invocation.say("offline.needless"), "leave --offline away: its journal is shipped first")
    open_ones = [one for one in unshipped(runtime) if wanted in (None, one)]
    if not open_ones:
        raise UsageError(invocation.say("offline.none"), f"here are: {', '.join(unshipped(runtime)) or '-'}")
    plan = OfflineRuntime.beside(runtime, open_ones[-1]).journal.plan(open_ones[-1]).plan
    return OfflineRuntime.beside(runtime, open_ones[-1], [host.name for host in plan.hosts])


def ship_first(invocation: Invocation, runtime: Runtime, *, settling: bool = False) -> None:
    """Before anything else acts: what was done without the storage belongs into the journal first.

    `settling`: an open change is about to be finished or taken back; a later one than that work goes first.
    """
    from clmdeploy.changes.shipping import refuse_later
    from clmdeploy.runtime.offline import OfflineRuntime, ship_work, unshipped

    for change in unshipped(runtime):
        if settling:
            try:
                refuse_later(runtime.journal, OfflineRuntime.beside(runtime, change).journal, change)
            except OutcomeUnknown:
                return
        ship_work(runtime, change)
        if not invocation.json:
            click.echo(invocation.say("offline.shipped", change=change), err=True)
