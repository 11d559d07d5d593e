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
    from clmdeploy.changes.conductor import Conductor, Latest
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.scopes import Kind, Scope
    from clmdeploy.changes.signed_plan import SignedPlan
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
    anew: bool = False
    """whether it is planned once more when it has waited while somebody else had the lease"""

    def carry(self, plan_with: Callable[[Runtime], Plan | Foreseen]) -> None:
        """Plan; then show the plan, or carry it out. Before the last answer nothing is touched."""
        from clmdeploy.cli.vigil import Task, on_errand

        flags = self.flags + self.options.flags
        task = Task(self.title, self.options.reason or "", flags=flags, acts=self.options.acts)
        with on_errand(self.invocation, self.environment, task) as (runtime, vigil):
            refuse_unwritable(self.output)
            cut_off = None
            if self.options.acts:
                refuse_other_name(self.invocation, self.consent, self.environment)
                ship_first(self.invocation, runtime)
                cut_off = self._await_turn(runtime.conductor(scope=self.scope))
            latest = self._latest(runtime, plan_with) if self.anew and self.options.acts else None
            self._carry(runtime, plan_with(runtime), vigil, _Beginning(cut_off, latest))

    def _latest(self, runtime: Runtime, plan_with: Callable[[Runtime], Plan | Foreseen]) -> Latest:
        """Planned anew under the lease, unless nobody else has had it since now."""
        from clmdeploy.changes.signed_plan import sign_plan

        standing = runtime.turns.read(self.scope)
        before = standing[0].token if standing else 0

        def latest(signed: SignedPlan, token: int) -> SignedPlan:
            return signed if token == before + 1 else sign_plan(_plan_of(plan_with(runtime)), runtime.signer)

        return latest

    def _await_turn(self, conductor: Conductor) -> str | None:
        """As `Conductor.await_turn`; but what this change makes needless, and nobody works on any more, is named."""
        try:
            conductor.await_turn(self.options.lease_wait, self.kind)
        except OutcomeUnknown:
            newest = conductor.journal.newest_change()
            if newest is None or conductor.journal.ledger(newest).plan.kind not in self.replaces:
                raise
            return newest
        return None

    def _close(self, conductor: Conductor, change: str) -> None:
        click.echo(self.invocation.say("errand.replaces", change=change), err=True)
        conductor.abort(change, f"{self.title} begins anew")

    def _carry(self, runtime: Runtime, planned: Plan | Foreseen, vigil: Vigil, beginning: _Beginning) -> None:
        from clmdeploy.changes.signed_plan import sign_plan
        from clmdeploy.cli.rollout import Wanted, apply_wanted, show

        plan, outlook = _plan_of(planned), getattr(planned, "outlook", None)
        if self.options.dry_run:
            show(self.invocation, self.output, plan, outlook)
            return
        run = Run(runtime, self.invocation, self.output, plan, vigil, outlook)
        if not plan.steps:
            run.tell_nothing_to_do()
            return
        refuse_unanswerable(self.invocation, self.consent)
        cut_off = beginning.cut_off
        first = (lambda: self._close(runtime.conductor(scope=self.scope), cut_off)) if cut_off else None
        wanted = Wanted(
            sign_plan(plan, runtime.signer), runtime.change_id(plan.kind), latest=beginning.latest, first=first
        )  # fmt: skip
        apply_wanted(run, self.consent, self.options, wanted)


@dataclass(frozen=True)
class _Beginning:
    """What is to be done once the question is answered."""

    cut_off: str | None
    """change that is closed first"""
    latest: Latest | None


def _plan_of(planned: Plan | Foreseen) -> Plan:
    from clmdeploy.planners.outlook import Foreseen

    return planned.plan if isinstance(planned, Foreseen) else planned
