"""`clmdeploy doctor`: everything that must be true before work, with causes and remedies."""

from __future__ import annotations

import json
from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ExitCode


@click.command(short_help="Check everything that must be true before work.")
@environment_option
@json_option
@pass_invocation
def doctor(invocation: Invocation, environment: str) -> None:
    """Check control node, storage, hosts and balancers; exit code 4 when something would stop work.

    Nothing is changed, but for a few small objects that are written to each bucket and removed again: what a storage
    is able to do can only be found out by trying. Where object lock keeps them, that is said. What was found is kept in
    the state bucket, and work adapts to it.
    """
    from clmdeploy.cli.render.doctor import show
    from clmdeploy.model.checks import worst
    from clmdeploy.queries.doctor import examine
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        checks = examine(runtime.environment, runtime.instruments())
    verdict = worst(checks)
    if invocation.json:
        found = [check.model_dump(mode="json") for check in checks]
        report = {"format": "doctor/1", "environment": environment, "verdict": verdict, "checks": found}
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        show(checks, invocation)
    if verdict == "fail":
        raise click.exceptions.Exit(ExitCode.FAILED_UNCHANGED)
