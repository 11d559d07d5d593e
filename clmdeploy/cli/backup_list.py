"""`clmdeploy backup list`: the restore points, newest first."""

from __future__ import annotations

from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ExitCode


@click.command("list", short_help="The restore points, newest first.")
@environment_option
@json_option
@pass_invocation
def list_points(invocation: Invocation, environment: str) -> None:
    """List the restore points: age, size, type, release, LSN, whether pinned, when last read back.

    What can't be believed is named and hides nothing else; then the exit code is 10.
    """
    from clmdeploy.cli.render.points import tell_points
    from clmdeploy.queries.points import points_of
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        found = points_of(runtime.points, runtime.marks)
        tell_points(invocation, runtime.environment.settings, found, runtime.clock.now())
    if found.faults:
        raise click.exceptions.Exit(int(ExitCode.VERIFICATION_FAILED))
