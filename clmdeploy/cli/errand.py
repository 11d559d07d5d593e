"""What all commands have in common that plan a change of their own: wait, plan, show, ask, let it run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.conduct import Run, refuse_unwritable
from clmdeploy.cli.confirmation import refuse_other_name, refuse_unanswerable
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.offline import ship_first
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions
from clmdeploy.model.errors import OutcomeUnknown

if TYPE_CHECKING:
    from clmdeploy.changes.conductor import Conductor
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.scopes import Kind, Scope
    from clmdeploy.cli.vigil import Vigil
    from clmdeploy.planners.outlook import Foreseen
    from clmdeploy.runtime import Runtime


@dataclass(frozen=True)
class Errand:
    """One call of a command whose change is no rollout."""

    invocation: Invocation
    environment: str
    title: str
    """the command's own words, `backup setup`"""
    options: RolloutOptions
    consent: Consent
    output: Output
    flags: str = ""
    """options of its own, as whoever types it again must give them"""
    scope: Scope = "fleet"
    kind: Kind | None = None
    """of its change, where that may take the place of one of its kind that stands open"""
    replaces: tuple[Kind, ...] = ()
    """kinds of changes that need no decision where one was cut off: it is taken back, and this one begins"""

    def carry(self, plan_with: Callable[[Runtime], Plan | Foreseen]) -> None:
        """Plan; then show the plan, or carry it out. Before the last answer nothing is touched."""
        from clmdeploy.cli.vigil import Task, on_errand

        flags = self.flags + self.options.flags
        task = Task(self.title, self.options.reason or "", flags=flags, acts=self.options.acts)
        with on_errand(self.invocation, self.environment, task) as (runtime, vigil):
            refuse_unwritable(self.output)
            if self.options.acts:
                refuse_other_name(self.invocation, self.consent, self.environment)
                ship_first(self.invocation, runtime)
                self._await_turn(runtime.conductor(scope=self.scope))
            self._carry(runtime, plan_with(runtime), vigil)

    def _await_turn(self, conductor: Conductor) -> None:
        """As `Conductor.await_turn`; but what this change makes needless, and nobody works on any more, is closed."""
        try:
            conductor.await_turn(self.options.lease_wait, self.kind)
        except OutcomeUnknown:
            newest = conductor.journal.newest_change()
            if newest is None or conductor.journal.ledger(newest).plan.kind not in self.replaces:
                raise
            click.echo(self.invocation.say("errand.replaces", change=newest), err=True)
            conductor.abort(newest, f"{self.title} begins anew")
            conductor.await_turn(self.options.lease_wait)

    def _carry(self, runtime: Runtime, planned: Plan | Foreseen, vigil: Vigil) -> None:
        from clmdeploy.changes.signed_plan import sign_plan
        from clmdeploy.cli.rollout import Wanted, apply_wanted, show
        from clmdeploy.planners.outlook import Foreseen

        plan, outlook = (planned.plan, planned.outlook) if isinstance(planned, Foreseen) else (planned, None)
        if self.options.dry_run:
            show(self.invocation, self.output, plan, outlook)
            return
        run = Run(runtime, self.invocation, self.output, plan, vigil, outlook)
        if not plan.steps:
            run.tell_nothing_to_do()
            return
        refuse_unanswerable(self.invocation, self.consent)
        wanted = Wanted(sign_plan(plan, runtime.signer), runtime.change_id(plan.kind))
        apply_wanted(run, self.consent, self.options, wanted)
