"""`clmdeploy deploy`: roll a release out across an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions, rollout_options, version_text

if TYPE_CHECKING:
    from clmdeploy.model.version import Version


@click.command(short_help="Roll a release out across an environment.")
@click.argument("version", type=version_text, metavar="VERSION")
@environment_option
@rollout_options
@json_option
@pass_invocation
def deploy(
    invocation: Invocation,
    version: Version,
    environment: str,
    options: RolloutOptions,
    consent: Consent,
    output: Output,
) -> None:
    """Roll release VERSION out across an environment: stage everywhere, then switch host by host behind the balancer.

    The plan is shown before anything happens. What fails is taken back, as the plan's policy says. Ctrl-C stops at the
    next safe point; a second one takes everything back.
    """
    from clmdeploy.cli.rollout import Rollout
    from clmdeploy.planners.deploy import plan_deploy

    rollout = Rollout(invocation, environment, f"deploy {version}", options, consent, output)
    rollout.carry(lambda wishing, choices, now: plan_deploy(wishing.deploy(version, choices), now))
