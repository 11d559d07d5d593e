"""`clmdeploy backup verify`: read back what is stored."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import LONGEST_WAIT
from clmdeploy.model.errors import ExitCode

if TYPE_CHECKING:
    from clmdeploy.changes.held_lease import HeldLease
    from clmdeploy.changes.stopping import Stopping
    from clmdeploy.queries.points import Points
    from clmdeploy.queries.verification_report import Report, Watch
    from clmdeploy.queries.verification_scope import Scope
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.verification import BackupReach


KIND = "verify"
_MARGIN = 5.0  # seconds


@click.command(short_help="Read back what is stored, and name the points that damage spoils.")
@click.argument("point", required=False)
@environment_option
@click.option("--all", "anew", is_flag=True, help="Read everything anew, also what was read lately.")
@click.option(
    "--lease-wait", type=click.IntRange(0, LONGEST_WAIT), default=0, metavar="SECONDS",
    help="Wait this long while a backup, a migration or an expiry is at work.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="Tell what happens as JSON, one object a line.")
@json_option
@pass_invocation
def verify(
    invocation: Invocation, point: str | None, environment: str, anew: bool, lease_wait: int, events: bool
) -> None:
    """Read every stored byte back that is new or due, on the backup host, and check it.

    POINT: `latest`, an ID or the beginning of one: only what that point needs. Without it, everything in the
    repositories. Damaged, missing and truncated objects are named, gaps in the log, and the points that these spoil:
    then the exit code is 10. What was read is kept when it is stopped; the next run goes on from there.
    """
    from clmdeploy.changes.stopping import heeding_signals
    from clmdeploy.cli.render.verification import tell_report, watch_for
    from clmdeploy.queries.points import points_of
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        found = points_of(runtime.points, runtime.marks)
        order = _Order(invocation, point, anew, lease_wait)
        with (
            heeding_signals(lambda _wanted: _tell_stop(invocation)) as stopping,
            watch_for(invocation, events) as watch,
        ):
            report = order.carried_out(runtime, found, stopping, watch)
        tell_report(invocation, runtime.environment.settings, report, events=events)
    if not report.is_sound:
        raise click.exceptions.Exit(int(ExitCode.VERIFICATION_FAILED))
    if report.stopped:
        raise click.exceptions.Exit(int(ExitCode.PAUSED))


@dataclass(frozen=True)
class _Order:
    """What was asked for."""

    invocation: Invocation
    point: str | None
    anew: bool
    wait: int

    def carried_out(self, runtime: Runtime, found: Points, stopping: Stopping, watch: Watch) -> Report:
        """Under the data lease: nothing is removed meanwhile. Whoever wants to go first may ask for it."""
        from clmdeploy.changes.turns import Request
        from clmdeploy.queries.verdicts import marks_of
        from clmdeploy.queries.verification import Verification
        from clmdeploy.runtime.verification import BackupReach, Run

        reach = BackupReach(runtime)
        scope = self._scope(reach, found)
        request = Request(
            "data", runtime.who, runtime.change_id(KIND), "backup verify", max(self.wait, _patience(runtime)),
            give_up=lambda: stopping.wanted, yields=True,
        )  # fmt: skip
        lease = runtime.leases.acquire(request)
        try:
            run = Run(watch, lease.check, lambda: self._why_stop(lease, stopping), self.anew)
            report = Verification(reach.tools(run), scope).run()
            report = report.model_copy(update={"unbelievable": found.faults})
            runtime.marks.note(marks_of(report, runtime.clock.now()))
        finally:
            lease.release()
        return report

    def _scope(self, reach: BackupReach, found: Points) -> Scope:
        from zoneinfo import ZoneInfo

        from clmdeploy.config.backup_hosts import backup_of
        from clmdeploy.queries.log_kept import without_log
        from clmdeploy.queries.verification_scope import Scope

        environment = reach.runtime.environment
        zone, now = ZoneInfo(environment.settings.time_zone), reach.runtime.clock.now()
        alone = without_log(found.points, backup_of(environment).retention, now, zone)
        chosen = None if self.point is None else (found.find(self.point).point,)
        return Scope(reach.map, tuple(one.point for one in found.points), chosen, alone)

    def _why_stop(self, lease: HeldLease, stopping: Stopping) -> str:
        if stopping.wanted:
            return self.invocation.both("verify.stopped")
        wish = lease.stop_wish
        return self.invocation.both("verify.made_way", who=wish.who.principal, reason=wish.reason) if wish else ""


def _patience(runtime: Runtime) -> float:
    """Seconds: a verification that was killed frees the lease by itself after its time to live."""
    standing = runtime.leases.read("data")
    killed = standing is not None and standing[0].held and f"-{KIND}-" in standing[0].change
    return runtime.leases.time_to_live + _MARGIN if killed else 0.0


def _tell_stop(invocation: Invocation) -> None:
    """Called inside a signal handler, where no buffered stream may be touched."""
    os.write(sys.stderr.fileno(), f"{invocation.say('verify.stop_wanted')}\n".encode())
