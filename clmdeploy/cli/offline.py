"""Work without the storage: begun on purpose, gone on with, and its journal shipped once the storage answers again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.rollout_options import RolloutOptions
from clmdeploy.model.bilingual import Bilingual, joined
from clmdeploy.model.errors import (
    ClmError,
    NoBucket,
    OutcomeUnknown,
    StoreRefused,
    StoreUnavailable,
    UsageError,
    VerificationFailed,
)
from clmdeploy.model.faults import printable

if TYPE_CHECKING:
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.offline import OfflineRuntime


def offline_runtime(invocation: Invocation, runtime: Runtime, options: RolloutOptions) -> OfflineRuntime:
    """For new work. Raises UsageError while the storage serves, OutcomeUnknown while earlier work stands open here.

    Where the storage is damaged, but its lease can be read: LeaseHeld while somebody is at work.
    """
    from clmdeploy.runtime.offline import OfflineRuntime, await_leaseholder, unshipped

    name = runtime.environment.name
    if options.propose or options.plan_out is not None or options.stop_backup:
        raise UsageError(invocation.both("offline.alone"), f"clmdeploy rollback -e {name} --offline --reason TEXT")
    for change in unshipped(runtime):
        if not OfflineRuntime.beside(runtime, change).journal.is_settled(change):
            raise OutcomeUnknown(
                invocation.both("offline.open", change=change),
                invocation.both("offline.go_on", command=f"clmdeploy change resume {change} -e {name} --offline"),
            )
    if options.acts:
        why = _outage(invocation, runtime, f"clmdeploy rollback -e {name}")
        if not isinstance(why, StoreUnavailable):
            await_leaseholder(runtime, options.lease_wait)
    return OfflineRuntime.beside(runtime, runtime.change_id("rollback"), options.limit, options.instead_of or "")


def open_offline_runtime(invocation: Invocation, runtime: Runtime, wanted: str | None) -> OfflineRuntime:
    """For work that stands open here. Raises UsageError when there is none, or while the storage serves."""
    from clmdeploy.runtime.offline import OfflineRuntime, unshipped

    _outage(invocation, runtime, invocation.both("offline.without"))
    open_ones = [one for one in unshipped(runtime) if wanted in (None, one)]
    if not open_ones:
        raise UsageError(
            invocation.both("offline.none"),
            invocation.both("offline.here", changes=", ".join(unshipped(runtime)) or "-"),
        )
    plan = OfflineRuntime.beside(runtime, open_ones[-1]).journal.plan(open_ones[-1]).plan
    return OfflineRuntime.beside(runtime, open_ones[-1], [host.name for host in plan.hosts])


def _outage(invocation: Invocation, runtime: Runtime, instead: str) -> ClmError:
    """Why this must do without the storage, which is told. Raises UsageError when it need not, with what to do."""
    from clmdeploy.runtime.offline import outage

    try:
        why = outage(runtime)
    except StoreRefused as error:
        raise StoreRefused(invocation.both("offline.refused", why=error.message), error.hint) from error
    if why is None:
        raise UsageError(invocation.both("offline.needless"), instead)
    click.echo(invocation.say("offline.because", why=printable(invocation.told(why.message))), err=True)
    return why


@contextmanager
def way_back_named(environment: str, *, wanted: bool) -> Iterator[None]:
    """Around work with the storage: where what is stored there is damaged or gone, the hint names the way without it.

    `wanted`: whether this work has such a way.
    """
    try:
        yield
    except (VerificationFailed, NoBucket) as error:
        if not wanted:
            raise
        command = f"clmdeploy rollback -e {environment} --offline --reason TEXT"
        way = Bilingual(f"the way back meanwhile: {command}", f"путь назад тем временем: {command}")
        raise type(error)(error.message, joined("; ", filter(None, (error.hint, way)))) from error


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
