"""`clmdeploy lease`: who holds an environment; to hold it by hand, and to let it go."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, cast

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import LONGEST_WAIT, reason_text
from clmdeploy.model.errors import UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.lease_document import LeaseDocument
    from clmdeploy.changes.scopes import Scope
    from clmdeploy.runtime import Runtime

SCOPES = ("fleet", "data")
scope_option = click.option(
    "--scope", type=click.Choice(SCOPES), default="fleet", show_default=True,
    help="fleet: deploy, rollback, maintenance. data: backups, migrations.",
)  # fmt: skip


@click.group(short_help="Show who holds an environment; hold it by hand, let it go.")
def lease() -> None:
    """Show who holds an environment; hold it by hand, let it go."""


@lease.command(short_help="Holder, reason and since when.")
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, environment: str) -> None:
    """Show who holds the fleet lease (deploy, rollback) and the data lease, why, and since when."""
    with closing(_runtime(invocation, environment)) as runtime:
        _show(invocation, runtime)


@lease.command(short_help="Keep everybody else out, by hand.")
@environment_option
@scope_option
@click.option("--reason", type=reason_text, required=True, metavar="TEXT", help="Why: told to whoever finds it held.")
@click.option(
    "--lease-wait", type=click.IntRange(0, LONGEST_WAIT), default=0, metavar="SECONDS",
    help="Wait this long while somebody else is at work.",
)  # fmt: skip
@json_option
@pass_invocation
def hold(invocation: Invocation, environment: str, scope: Scope, reason: str, lease_wait: int) -> None:
    """Hold a lease by hand: nothing of that kind begins until `lease release`. It never expires."""
    from clmdeploy.changes.turns import Request

    with closing(_runtime(invocation, environment)) as runtime:
        if scope == "fleet":
            runtime.conductor().await_turn(lease_wait)  # what stands open must be settled first
        runtime.leases.hold(Request(scope, runtime.who, "", reason, lease_wait))
        _show(invocation, runtime)


@lease.command(short_help="Let go what is held by hand.")
@environment_option
@scope_option
@click.option("--confirm", metavar="NAME", help="The environment's name: also lets go what somebody else holds.")
@json_option
@pass_invocation
def release(invocation: Invocation, environment: str, scope: Scope, confirm: str | None) -> None:
    """Let go what is held by hand. What a change holds is given back by the change: see `change resume` and `abort`."""
    from clmdeploy.cli.confirmation import refuse_other_name
    from clmdeploy.cli.rollout_options import Consent

    refuse_other_name(invocation, Consent(confirm=confirm), environment)
    with closing(_runtime(invocation, environment)) as runtime:
        if confirm is None:
            _refuse_others(invocation, runtime, scope)
        runtime.leases.let_go(scope)
        _show(invocation, runtime)


@lease.command(short_help="Raise its token above what the hosts have seen.")
@environment_option
@click.option(
    "--confirm", metavar="NAME", help="The environment's name: work without the storage is given up with this."
)
@json_option
@pass_invocation
def renew(invocation: Invocation, environment: str, confirm: str | None) -> None:
    """Raise the fleet lease's token above what the hosts have seen, so that they listen to it again.

    For a state bucket that was restored from an older copy, and for work without the storage whose control node is lost
    together with its journal.
    """
    from clmdeploy.cli.confirmation import refuse_other_name
    from clmdeploy.cli.rollout_options import Consent
    from clmdeploy.queries.tokens import newest_seen

    if confirm is None:
        raise UsageError(invocation.both("lease.renew_name"), f"--confirm {environment}")
    refuse_other_name(invocation, Consent(confirm=confirm), environment)
    with closing(_runtime(invocation, environment)) as runtime:
        newest = runtime.journal.newest_change() or ""
        runtime.leases.renew(runtime.who, newest_seen(runtime.hosts, runtime.environment), newest)
        _show(invocation, runtime)


def _refuse_others(invocation: Invocation, runtime: Runtime, scope: Scope) -> None:
    """Raises UsageError: what another person holds has a reason of theirs."""
    standing = runtime.leases.read(scope)
    if standing is not None and standing[0].manual and standing[0].who.principal != runtime.who.principal:
        name = runtime.environment.name
        raise UsageError(
            invocation.both("lease.others", who=standing[0].who.principal, reason=standing[0].reason),
            f"clmdeploy lease release -e {name} --scope {scope} --confirm {name}",
        )


def _show(invocation: Invocation, runtime: Runtime) -> None:
    from clmdeploy.cli.render.leases import lease_json, show_leases

    environment, documents = runtime.environment.name, {scope: _document(runtime, scope) for scope in SCOPES}
    if invocation.json:
        leases = {scope: lease_json(document) for scope, document in documents.items()}
        click.echo(json.dumps({"format": "leases/1", "environment": environment, "leases": leases}))
    else:
        show_leases(invocation, environment, documents, runtime.environment.settings.time_zone)


def _document(runtime: Runtime, scope: str) -> LeaseDocument | None:
    standing = runtime.leases.read(cast("Scope", scope))
    return standing[0] if standing else None


def _runtime(invocation: Invocation, environment: str) -> Runtime:
    from clmdeploy.runtime import Runtime

    return Runtime.of(invocation.inventories, environment)
