"""`clmdeploy backup show`: everything about one restore point."""

from __future__ import annotations

from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation

point_argument = click.argument("wanted", metavar="POINT")


@click.command(short_help="Everything about one restore point.")
@point_argument
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, wanted: str, environment: str) -> None:
    """Show what is in a restore point, what it stands on, what needs it, and the command that restores it.

    POINT is an ID, the beginning of one, or `latest`.
    """
    from clmdeploy.cli.render.point import tell_point
    from clmdeploy.queries.points import point_named
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.expiring import needs_of

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        seen, among = point_named(runtime.points, runtime.marks, wanted)
        needed = needs_of(runtime).words(seen.point, [one.point for one in among.points if not one.faults])
        tell_point(invocation, runtime.environment.settings, seen, among, needed)
