"""`clmdeploy lease`: who holds an environment."""

from __future__ import annotations

import json
from contextlib import closing

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation


@click.group(short_help="Show who holds an environment.")
def lease() -> None:
    """Show who holds an environment."""


@lease.command(short_help="Holder, reason and since when.")
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, environment: str) -> None:
    """Show who holds the fleet lease (deploy, rollback) and the data lease, why, and since when."""
    from clmdeploy.cli.render.leases import lease_json, show_leases
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        found = {scope: runtime.leases.read(scope) for scope in ("fleet", "data")}
        documents = {scope: standing[0] if standing else None for scope, standing in found.items()}
        if invocation.json:
            leases = {scope: lease_json(document) for scope, document in documents.items()}
            click.echo(json.dumps({"format": "leases/1", "environment": environment, "leases": leases}))
        else:
            show_leases(invocation, environment, documents, runtime.environment.settings.time_zone)
