"""`clmdeploy backup expire`: remove the restore points that no rule keeps, and say why each stays or goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, planning_options
from clmdeploy.model.bilingual import lines
from clmdeploy.model.errors import NothingChanged, VerificationFailed

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.cli.conduct import Run
    from clmdeploy.cli.vigil import Vigil
    from clmdeploy.model.value import JsonValue
    from clmdeploy.queries.expiring import Seen
    from clmdeploy.runtime import Runtime


@click.command(short_help="Remove the restore points that no rule keeps.")
@environment_option
@planning_options
@json_option
@pass_invocation
def expire(invocation: Invocation, environment: str, options: RolloutOptions, consent: Consent, output: Output) -> None:
    """Remove the restore points that no rule of `backup.retention` keeps, their backups, and log that no point needs.

    Each is told with every reason why it stays or goes. Never removed: the newest point that was read back whole, a
    pinned one, one that an open change or a rollback would need, and anything at all while a backup runs or the
    catalogue can't be believed.
    """
    from clmdeploy.cli.conduct import refuse_unwritable
    from clmdeploy.cli.confirmation import refuse_other_name
    from clmdeploy.cli.vigil import Task, on_errand

    task = Task("backup expire", options.reason or "", flags=options.flags, acts=options.acts)
    with on_errand(invocation, environment, task) as (runtime, vigil):
        refuse_unwritable(output)
        if options.acts:
            refuse_other_name(invocation, consent, environment)
            runtime.conductor(scope="data").await_turn(options.lease_wait)
        _Expire(invocation, runtime, vigil, options, consent, output).carry()


class _Expire:
    """One call of it."""

    def __init__(
        self,
        invocation: Invocation,
        runtime: Runtime,
        vigil: Vigil,
        options: RolloutOptions,
        consent: Consent,
        output: Output,
    ) -> None:
        self.invocation, self.runtime, self.vigil = invocation, runtime, vigil
        self.options, self.consent, self.output = options, consent, output

    def carry(self) -> None:
        """Look, tell; then stop, refuse, or carry it out."""
        from clmdeploy.cli.conduct import Run
        from clmdeploy.cli.render.expiry import tell_expiry
        from clmdeploy.planners.expire import plan_expire
        from clmdeploy.runtime.expiring import expiring_of

        seen = expiring_of(self.runtime).look()
        plan = plan_expire(seen.wish)
        silent = self.options.acts and (self.invocation.json or self.output.events)
        if not silent:
            tell_expiry(self.invocation, self.runtime.environment.settings, seen, plan)
        if self.options.dry_run:
            return
        refuse_halted(seen)
        run = Run(self.runtime, self.invocation, self.output, plan, self.vigil)
        if plan.steps:
            self._apply(run)
        else:
            run.tell_nothing_to_do()

    def _apply(self, run: Run) -> None:
        from clmdeploy.changes.signed_plan import sign_plan
        from clmdeploy.cli.confirmation import refuse_unanswerable
        from clmdeploy.cli.rollout import Wanted, apply_wanted

        refuse_unanswerable(self.invocation, self.consent)
        change = self.runtime.change_id(run.plan.kind)
        wanted = Wanted(sign_plan(run.plan, self.runtime.signer), change, admit=self._unchanged(change, run.plan))
        apply_wanted(run, self.consent, self.options, wanted)

    def _unchanged(self, change: str, plan: Plan) -> Callable[[], Mapping[str, JsonValue]]:
        """Everything is looked at once more when nobody else can change it: a backup may have been made meanwhile."""

        def admit() -> Mapping[str, JsonValue]:
            from clmdeploy.planners.expire import plan_expire
            from clmdeploy.runtime.expiring import expiring_of

            seen = expiring_of(self.runtime).look(ours=change)
            refuse_halted(seen)
            if plan_expire(seen.wish).digest != plan.digest:
                raise NothingChanged(self.invocation.both("expire.changed"), self.invocation.both("expire.again"))
            return {}

        return admit


def refuse_halted(seen: Seen) -> None:
    """Raises VerificationFailed or NothingChanged when nothing may be removed now that would be otherwise."""
    if not seen.verdicts.halted or seen.is_idle:
        return
    why = lines(seen.verdicts.halted)
    raise VerificationFailed(why) if seen.facts.faults else NothingChanged(why)
