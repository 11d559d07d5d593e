"""What `deploy` and `rollback` have in common: plan, show, ask, let it run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.conduct import Run, refuse_unwritable
from clmdeploy.cli.confirmation import confirm, refuse_other_name, refuse_unanswerable
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.offline import offline_runtime, ship_first, way_back_named
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.conductor import Admission, Conductor, Latest
    from clmdeploy.changes.ending import Ending
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.signed_plan import SignedPlan
    from clmdeploy.cli.vigil import Vigil
    from clmdeploy.planners.outlook import Outlook
    from clmdeploy.queries.wishes import Choices, Wishing
    from clmdeploy.runtime import Runtime

Planner = Callable[["Wishing", "Choices", float], "Plan"]


@dataclass(frozen=True)
class Rollout:
    """One call of `deploy` or `rollback`."""

    invocation: Invocation
    environment: str
    title: str
    """the command's own words, `deploy 1.3.0`"""
    options: RolloutOptions
    consent: Consent
    output: Output
    goes_back: bool = False
    """whether there is a way without the storage"""

    def carry(self, plan_with: Planner) -> None:
        """Plan; then show the plan, write it, or carry it out. Before the last answer nothing is touched."""
        from clmdeploy.cli.vigil import Task, on_errand

        options, wanted = self.options, self.goes_back and not self.options.offline
        task = Task(
            self.title, options.reason or "", flags=options.flags, acts=options.acts, offline=options.offline
        )  # fmt: skip
        with (
            on_errand(self.invocation, self.environment, task) as (runtime, vigil),
            way_back_named(self.environment, wanted=wanted),
        ):
            self._refuse_senseless()
            self._carry(self._prepared(runtime), vigil, plan_with)

    def _refuse_senseless(self) -> None:
        refuse_unwritable(self.output)
        if self.options.propose and self.options.plan_out is not None:
            raise UsageError(self.invocation.both("proposal.two_ways"), self.invocation.both("proposal.two_ways_hint"))
        if self.options.acts:
            refuse_other_name(self.invocation, self.consent, self.environment)

    def _carry(self, runtime: Runtime, vigil: Vigil, plan_with: Planner) -> None:
        if self.options.acts:
            runtime.conductor().await_turn(self.options.lease_wait)
        plan = self._plan(runtime, plan_with)
        if self.options.dry_run:
            show(self.invocation, self.output, plan)
        elif self.options.plan_out is not None:
            self._hand_out(runtime, plan)
        elif self.options.propose and plan.steps:
            self._propose(runtime, plan)
        else:
            self._apply(Run(runtime, self.invocation, self.output, plan, vigil))

    def _prepared(self, runtime: Runtime) -> Runtime:
        """With the storage, or on purpose without it."""
        if self.options.offline:
            return offline_runtime(self.invocation, runtime, self.options)
        if self.options.acts:
            ship_first(self.invocation, runtime)
        return runtime

    def _plan(self, runtime: Runtime, plan_with: Planner) -> Plan:
        choices = self.options.choices(runtime.environment.settings.rollout.canary)
        return plan_with(runtime.wishing(), choices, runtime.clock.now().timestamp())

    def _hand_out(self, runtime: Runtime, plan: Plan) -> None:
        from clmdeploy.changes.signed_plan import sign_plan
        from clmdeploy.cli.plan_file import write_plan

        path = self.options.plan_out
        assert path is not None  # noqa: S101  # the caller has looked
        write_plan(path, sign_plan(plan, runtime.signer))
        show(self.invocation, self.output, plan)
        if not self.invocation.json:
            click.echo(self.invocation.say("plan.written", path=path, environment=self.environment), err=True)

    def _propose(self, runtime: Runtime, plan: Plan) -> None:
        from clmdeploy.changes.signed_plan import sign_plan
        from clmdeploy.cli.proposal import put_forward

        put_forward(self.invocation, runtime, sign_plan(plan, runtime.signer), self.options.reason or "")

    def _apply(self, run: Run) -> None:
        from clmdeploy.changes.approvals import refuse_unproposed
        from clmdeploy.changes.signed_plan import sign_plan

        runtime, plan = run.runtime, run.plan
        if not plan.steps:
            run.tell_nothing_to_do()
            return
        refuse_unproposed(plan, runtime.proposals.required, self.invocation.both("proposal.instead"))
        refuse_unanswerable(self.invocation, self.consent)
        wanted = Wanted(sign_plan(plan, runtime.signer), runtime.change_id(plan.kind))
        apply_wanted(run, self.consent, self.options, wanted)


@dataclass(frozen=True)
class Wanted:
    """A signed plan, and the change that is to carry it out."""

    signed: SignedPlan
    change: str
    reason: str = ""
    admit: Admission = dict
    """asked for the last time when the lease is held: see Conductor.begin"""
    latest: Latest | None = None
    """likewise"""
    first: Callable[[], object] | None = None
    """done when the question is answered: what stands in the way is closed"""


def apply_wanted(run: Run, consent: Consent, options: RolloutOptions, wanted: Wanted) -> None:
    """Show the plan, ask, and let it run."""
    if not run.invocation.json and not run.output.events:
        show(run.invocation, run.output, run.plan, run.outlook)
        click.echo()
    if wanted.first is None:
        run.runtime.conductor(scope=run.plan.scope).refuse_unsettled(run.plan)
    confirm(run.invocation, consent, run.plan, outlook=run.outlook)
    goes_back = run.plan.kind == "rollback" and not run.runtime.is_offline

    def begin(conductor: Conductor) -> Ending:
        with way_back_named(run.plan.environment, wanted=goes_back):
            if wanted.first is not None:
                wanted.first()
            return conductor.begin(
                wanted.change, wanted.signed, options.reason or wanted.reason, options.lease_wait,
                stop_backup=options.stop_backup, admit=wanted.admit, latest=wanted.latest,
            )  # fmt: skip

    run.conduct(begin)


def tell_drift(invocation: Invocation, runtime: Runtime, plan: Plan) -> None:
    """Say what this control node has otherwise than the one that made the plan; the release is not looked for."""
    from clmdeploy.planners.drift import input_drift

    known = {name: digest for name, digest in plan.inputs.items() if name == "release"}
    for line in input_drift(plan, runtime.inputs() | known):
        click.echo(invocation.say("change.drift", difference=line), err=True)


def show(invocation: Invocation, output: Output, plan: Plan, outlook: Outlook | None = None) -> None:
    """The plan and its outlook: for people, or as one JSON object."""
    from clmdeploy.cli.render.console import make_console
    from clmdeploy.cli.render.plan import plan_json, show_plan

    if invocation.json or output.events:
        click.echo(json.dumps(plan_json(plan, outlook), ensure_ascii=False))
    else:
        show_plan(make_console(), invocation, plan, outlook)
