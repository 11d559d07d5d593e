"""`clmdeploy status`: what runs where, and what is still open."""

from __future__ import annotations

import json
from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation


@click.command(short_help="What runs where, and what is still open.")
@environment_option
@click.option("--probe", is_flag=True, help="Ask every service how it is and which version answers.")
@json_option
@pass_invocation
def status(invocation: Invocation, environment: str, probe: bool) -> None:
    """Show what runs where, the balancers' view, the newest change, and what is still open with the command to type.

    The hosts themselves are asked, and silent ones named. With the state bucket out of reach the hosts are shown alone.
    """
    from clmdeploy.cli.render.status import show_status, status_json
    from clmdeploy.queries.status import fleet_status, record_status
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        fleet = fleet_status(runtime.hosts, runtime.environment, probe=probe)
        record = record_status(lambda: (runtime.journal, runtime.leases))
        if invocation.json:
            click.echo(json.dumps(status_json(invocation, environment, fleet, record), ensure_ascii=False))
        else:
            show_status(invocation, runtime.environment.settings, fleet, record)
