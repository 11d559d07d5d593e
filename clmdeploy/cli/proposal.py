"""`clmdeploy change propose | approve | withdraw`: what happens to a plan before it may begin."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.confirmation import confirm, refuse_other_name, refuse_unanswerable
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, consenting_options, reason_text
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.proposed import Proposed
    from clmdeploy.changes.signed_plan import SignedPlan
    from clmdeploy.cli.rollout import Wanted
    from clmdeploy.runtime import Runtime


@click.command(short_help="Put a plan where others can approve it.")
@click.argument("file", type=click.Path(path_type=Path))
@environment_option
@click.option("--reason", type=reason_text, metavar="TEXT", help="Why, for who approves and for the journal.")
@json_option
@pass_invocation
def propose(invocation: Invocation, file: Path, environment: str, reason: str | None) -> None:
    """Propose the plan in FILE, as `deploy --plan-out FILE` wrote it; `deploy --propose` does both at once.

    It goes into the state bucket under an ID. Nothing begins, and nobody is kept from other work.
    """
    from clmdeploy.cli.plan_file import read_plan
    from clmdeploy.planners.drift import refuse_other_environment
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        signed = read_plan(file, runtime.verifier)
        refuse_other_environment(signed.plan, environment, runtime.environment.settings.uuid)
        put_forward(invocation, runtime, signed, reason or "")


@click.command(short_help="Approve a proposed change.")
@click.argument("change_id", metavar="ID")
@environment_option
@click.option(
    "--valid", type=click.IntRange(1), metavar="SECONDS",
    help="How long the approval holds.  [default, and most: approvals.valid of clm.yml]",
)  # fmt: skip
@consenting_options
@json_option
@pass_invocation
def approve(
    invocation: Invocation,
    change_id: str,
    environment: str,
    valid: int | None,
    options: RolloutOptions,
    consent: Consent,
) -> None:
    """Look at a proposed change, and approve it: signed, for this plan and this environment, for a limited time.

    Who made or proposed the plan can't approve it. A plan that somebody has replaced or edited is refused by name.
    """
    from clmdeploy.cli.render.proposals import show_proposed
    from clmdeploy.cli.rollout import tell_drift
    from clmdeploy.runtime import Runtime

    refuse_other_name(invocation, consent, environment)
    refuse_unanswerable(invocation, consent)
    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        seconds = _validity(runtime.environment.settings.approvals.valid, valid)
        proposed = runtime.proposals.read(change_id)
        proposed.refuse_withdrawn()
        if not invocation.json:
            show_proposed(invocation, proposed, runtime.environment.settings.time_zone)
            click.echo()
        tell_drift(invocation, runtime, proposed.signed.plan)
        confirm(invocation, consent, proposed.signed.plan, "approval.question")
        _tell_approved(invocation, runtime.proposals.approve(proposed, seconds, options.reason or ""))


@click.command(short_help="Take a proposal back.")
@click.argument("change_id", metavar="ID")
@environment_option
@click.option("--reason", type=reason_text, metavar="TEXT", help="Why.")
@json_option
@pass_invocation
def withdraw(invocation: Invocation, change_id: str, environment: str, reason: str | None) -> None:
    """Let a proposed change be neither approved nor applied any more. One that has begun is for `change abort`."""
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        proposed = runtime.proposals.read(change_id)
        proposed.refuse_withdrawn()
        runtime.proposals.withdraw(proposed, reason or "")
    if invocation.json:
        click.echo(json.dumps({"format": "withdrawn/1", "environment": environment, "change": change_id}))
    else:
        click.echo(invocation.say("proposal.withdrawn", change=change_id))


def put_forward(invocation: Invocation, runtime: Runtime, signed: SignedPlan, reason: str) -> None:
    """Store the plan under a new ID; tell it, and what to type next."""
    from clmdeploy.cli.render.proposals import next_words, show_next, tally_json
    from clmdeploy.cli.rollout import show

    change = runtime.change_id(signed.plan.kind)
    runtime.proposals.propose(change, signed, runtime.who, reason)
    proposed = runtime.proposals.read(change)
    if invocation.json:
        told = {
            "format": "proposed/1", "environment": signed.plan.environment, "change": change, "digest": signed.digest,
            "plan": signed.plan.model_dump(mode="json"), **tally_json(proposed.tally),
            "next": next_words(invocation, proposed),
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    show(invocation, Output(), signed.plan)
    click.echo(invocation.say("proposal.stored", change=change, digest=signed.digest))
    show_next(invocation, proposed)


def wanted(runtime: Runtime, what: Path) -> Wanted:
    """The plan that is to be applied: a proposed change's, when `what` looks like an ID, else a file's.

    Raises ApprovalMissing where it may not begin (yet), and InvalidInput or VerificationFailed for an edited plan.
    """
    from clmdeploy.changes.approvals import refuse_unproposed
    from clmdeploy.changes.proposed import is_change_id
    from clmdeploy.cli.plan_file import read_plan
    from clmdeploy.cli.rollout import Wanted

    proposals, change = runtime.proposals, str(what)
    if is_change_id(change):
        found = proposals.read(change)
        found.refuse_unready()
        reason = found.proposal.statement.reason
        return Wanted(found.signed, change, reason, lambda: proposals.admit(change, found.signed))
    signed = read_plan(what, runtime.verifier)
    environment = runtime.environment.name
    refuse_unproposed(signed.plan, proposals.required, f"clmdeploy change propose {what} -e {environment}")
    return Wanted(signed, runtime.change_id(signed.plan.kind))


def _validity(most: int, wanted: int | None) -> int:
    """Seconds. Raises UsageError when more is wanted than the settings allow."""
    if wanted is not None and wanted > most:
        raise UsageError(
            Bilingual(
                f"--valid {wanted}: an approval holds {most} s at most (approvals.valid in clm.yml)",
                f"--valid {wanted}: согласование действует не дольше {most} с (approvals.valid в clm.yml)",
            )
        )
    return most if wanted is None else wanted


def _tell_approved(invocation: Invocation, proposed: Proposed) -> None:
    from clmdeploy.cli.render.proposals import next_words, show_next, tally_json

    if invocation.json:
        told = {
            "format": "approved/1", "environment": proposed.subject.environment, "change": proposed.id,
            "digest": proposed.signed.digest, **tally_json(proposed.tally), "next": next_words(invocation, proposed),
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(invocation.say("approval.given", change=proposed.id))
        show_next(invocation, proposed)
