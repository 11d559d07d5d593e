"""`clmdeploy change`: look at pieces of work, apply a plan, go on with one or take it back."""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clmdeploy.cli import change_export, proposal
from clmdeploy.cli.conduct import Run, refuse_unwritable
from clmdeploy.cli.confirmation import refuse_other_name, refuse_unanswerable
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, acting_options, watching_options

if TYPE_CHECKING:
    from clmdeploy.changes.proposed import Proposed
    from clmdeploy.runtime import Runtime


@click.group(short_help="List, show, approve, apply, resume or abort pieces of work.")
def change() -> None:
    """List and show pieces of work, approve or apply a plan, go on with a change or take it back."""


for command in (proposal.propose, proposal.approve, proposal.withdraw, change_export.export):
    change.add_command(command)


@change.command("list", short_help="The newest changes.")
@environment_option
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@json_option
@pass_invocation
def list_changes(invocation: Invocation, environment: str, last: int) -> None:
    """List the changes that wait to begin, and the newest that began: who did what, when, and how it ended."""
    from clmdeploy.cli.render.changes import show_summaries, summary_json
    from clmdeploy.cli.render.proposals import proposal_json, show_proposals
    from clmdeploy.queries.chains import summaries
    from clmdeploy.queries.proposals import waiting

    with closing(_runtime(invocation, environment)) as runtime:
        found, proposed = summaries(runtime.journals, last), waiting(runtime.proposals, last)
        zone = runtime.environment.settings.time_zone
    if invocation.json:
        shown = {"changes": [summary_json(one) for one in found], "proposed": [proposal_json(one) for one in proposed]}
        click.echo(json.dumps({"format": "changes/1", "environment": environment, **shown}))
    else:
        show_proposals(invocation, proposed, zone)
        show_summaries(invocation, found, zone)


@change.command(short_help="One change: plan, events, outcome of every host.")
@click.argument("change_id", metavar="[ID]", required=False)
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, change_id: str | None, environment: str) -> None:
    """Show one change, by default the newest that began: its plan, who did what when, and the outcome on every host."""
    from clmdeploy.cli.render.changes import show_story, story_json
    from clmdeploy.queries.chains import story

    with closing(_runtime(invocation, environment)) as runtime:
        zone = runtime.environment.settings.time_zone
        if change_id and runtime.proposals.holds(change_id):
            _show_proposed(invocation, runtime.proposals.read(change_id), zone)
            return
        found = story(runtime.journals, change_id)
        if invocation.json:
            click.echo(json.dumps(story_json(found), ensure_ascii=False))
        else:
            show_story(invocation, found, zone)


@change.command(short_help="Carry out a plan that was written before.")
@click.argument("what", type=click.Path(path_type=Path), metavar="ID|FILE")
@environment_option
@acting_options
@json_option
@pass_invocation
def apply(
    invocation: Invocation, what: Path, environment: str, options: RolloutOptions, consent: Consent, output: Output
) -> None:
    """Apply the plan that was proposed as ID (`deploy --propose`), or that is in FILE (`deploy --plan-out FILE`).

    Refused, with nothing changed, when the plan was edited, is for another environment, lacks approvals, or when
    release, settings, hosts or what runs there are no longer what it was made for.
    """
    from clmdeploy.cli.offline import ship_first
    from clmdeploy.cli.proposal import wanted
    from clmdeploy.cli.rollout import apply_wanted
    from clmdeploy.cli.vigil import Task, on_errand
    from clmdeploy.queries.drift import refuse_drifted

    task = Task(f"change apply {shlex.quote(str(what))}", options.reason or "")
    with on_errand(invocation, environment, task) as (runtime, vigil):
        refuse_unwritable(output)
        refuse_other_name(invocation, consent, environment)
        refuse_unanswerable(invocation, consent)
        found = wanted(runtime, what)
        ship_first(invocation, runtime)
        runtime.conductor().await_turn(options.lease_wait)
        run = Run(runtime, invocation, output, found.signed.plan, vigil)
        if refuse_drifted(found.signed.plan, runtime.wishing()):
            apply_wanted(run, consent, options, found)
        else:
            run.tell_nothing_to_do()


offline_option = click.option("--offline", is_flag=True, help="Work begun from here without the storage.")


@change.command(short_help="Go on with an open change.")
@click.argument("change_id", metavar="[ID]", required=False)
@environment_option
@offline_option
@watching_options
@json_option
@pass_invocation
def resume(
    invocation: Invocation, change_id: str | None, environment: str, options: RolloutOptions, output: Output
) -> None:
    """Go on with a change that was paused, stopped or cut off. Without ID: with the one that is open."""
    _settle(invocation, environment, change_id, options, output, taking_back=False)


@change.command(short_help="Take an open change back.")
@click.argument("change_id", metavar="[ID]", required=False)
@environment_option
@offline_option
@watching_options
@json_option
@pass_invocation
def abort(
    invocation: Invocation, change_id: str | None, environment: str, options: RolloutOptions, output: Output
) -> None:
    """Take a change back that was paused, stopped or cut off. Without ID: the one that is open."""
    _settle(invocation, environment, change_id, options, output, taking_back=True)


def _settle(
    invocation: Invocation,
    environment: str,
    wanted: str | None,
    options: RolloutOptions,
    output: Output,
    *,
    taking_back: bool,
) -> None:
    from clmdeploy.cli.offline import open_offline_runtime, ship_first, way_back_named
    from clmdeploy.cli.rollout import tell_drift
    from clmdeploy.cli.vigil import Task, on_errand
    from clmdeploy.queries.chains import journal_with, to_settle

    words = ("change", "abort" if taking_back else "resume", *([wanted] if wanted else []))
    task = Task(" ".join(words), options.reason or "", settles=True, offline=options.offline)
    with (
        on_errand(invocation, environment, task) as (runtime, vigil),
        way_back_named(environment, wanted=not options.offline),
    ):
        refuse_unwritable(output)
        if options.offline:
            runtime = open_offline_runtime(invocation, runtime, wanted)
        else:
            ship_first(invocation, runtime, settling=True)
        which = to_settle(runtime.journals, wanted)
        journal = journal_with(runtime.journals, which)
        plan = journal.plan(which).plan
        if not taking_back:
            tell_drift(invocation, runtime, plan)
        standing = runtime.turns.read(journal.scope)
        if standing and standing[0].held and standing[0].change == which:
            click.echo(invocation.say("change.waiting", seconds=standing[0].time_to_live), err=True)
        run, reason = Run(runtime, invocation, output, plan, vigil), options.reason or ""
        if taking_back:
            run.conduct(lambda it: it.abort(which, reason), taking_back=True)
        else:
            run.conduct(lambda it: it.resume(which, reason))


def _show_proposed(invocation: Invocation, found: Proposed, zone: str) -> None:
    from clmdeploy.cli.render.proposals import proposed_json, show_next, show_proposed

    if invocation.json:
        click.echo(json.dumps(proposed_json(found), ensure_ascii=False))
        return
    show_proposed(invocation, found, zone)
    if not found.withdrawn:
        show_next(invocation, found)


def _runtime(invocation: Invocation, environment: str) -> Runtime:
    from clmdeploy.runtime import Runtime

    return Runtime.of(invocation.inventories, environment)
