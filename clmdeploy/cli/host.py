"""`clmdeploy host`: prepare bare hosts; ask one host or a group."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation

if TYPE_CHECKING:
    from clmdeploy.runtime import Runtime


@click.group(short_help="Prepare bare hosts; ask one host or a group.")
def host() -> None:
    """Prepare bare hosts; ask one host or a group."""


@host.command(short_help="Prepare bare hosts, or bring them up to date.")
@environment_option
@click.option(
    "--limit", metavar="HOST,GROUP", help="Only these hosts and groups.  [default: all but db, store, backup]"
)
@click.option("--check", is_flag=True, help="Only tell what would change.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--lease-wait", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for others' work to end."
)
@click.option("--without-lease", is_flag=True, help="Work even while the state bucket can't be reached.")
@json_option
@pass_invocation
def setup(
    invocation: Invocation,
    environment: str,
    limit: str | None,
    check: bool,
    yes: bool,
    lease_wait: int,
    without_lease: bool,
) -> None:
    """Give hosts the service user, the directories and the guard. A second run changes nothing.

    No deploy can run meanwhile. A host that belongs to another environment is refused.
    """
    from clmdeploy.changes.preparation import Preparation, nobody_else
    from clmdeploy.cli.render.host import Progress, agree, tell_preparation
    from clmdeploy.queries.hosts import chosen, managed_hosts

    with closing(_runtime(invocation, environment)) as runtime, ExitStack() as held:
        hosts = chosen(runtime.environment, limit.split(",") if limit else (), managed_hosts(runtime.environment))
        if not check:
            agree(invocation, environment, hosts, yes=yes)
            if not without_lease:
                held.enter_context(nobody_else(runtime.leases, runtime.who, lease_wait))
        with Progress(invocation, hosts, check=check) as progress:
            outcomes = runtime.prepare(hosts, progress.hear, check=check)
    tell_preparation(invocation, Preparation(environment, outcomes), check=check)


@host.command("exec", short_help="Run a command that changes no file.")
@environment_option
@click.option("--timeout", type=click.IntRange(1, 600), default=60, show_default=True, metavar="SECONDS")
@json_option
@click.argument("target", metavar="HOST|GROUP")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@pass_invocation
def execute(invocation: Invocation, environment: str, timeout: int, target: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on a host or on all hosts of a group. Exit code 4 when it fails anywhere.

    It runs as the service user in a box of systemd's: all files are read-only, /tmp is its own, it may not signal
    other processes. Requests over the network are not held back. No shell reads it: for one, write `sh -c '...'`.
    """
    from clmdeploy.cli.render.host import Answers
    from clmdeploy.queries.hosts import chosen, managed_hosts, run_command

    with closing(_runtime(invocation, environment)) as runtime:
        hosts = chosen(runtime.environment, (target,), managed_hosts(runtime.environment))
        answers = Answers(invocation, hosts)
        run_command(runtime.hosts, runtime.environment, hosts, command, timeout, answers.hear)
    answers.end(environment, command)


@host.command(short_help="Read the journal of the release's units.")
@environment_option
@click.option("--lines", type=click.IntRange(1, 5000), default=50, show_default=True, help="Of each host, the newest.")
@click.option("--since", default="", metavar="TIME", help='As journalctl takes it: "-1h", "today", "2026-01-31 10:00".')
@json_option
@click.argument("target", metavar="HOST|GROUP")
@click.argument("units", nargs=-1, metavar="[UNIT]...")
@pass_invocation
def logs(invocation: Invocation, environment: str, lines: int, since: str, target: str, units: tuple[str, ...]) -> None:
    """Read what the units of the release wrote to the journal, or other units that are named."""
    from clmdeploy.cli.render.host import tell_logs
    from clmdeploy.queries.hosts import chosen, managed_hosts, read_logs

    wanted = {"units": list(units), "lines": lines, "since": since}
    with closing(_runtime(invocation, environment)) as runtime:
        hosts = chosen(runtime.environment, (target,), managed_hosts(runtime.environment))
        tell_logs(invocation, environment, read_logs(runtime.hosts, runtime.environment, hosts, wanted))


@host.command(short_help="What is true of hosts now.")
@environment_option
@json_option
@click.argument("targets", nargs=-1, metavar="[HOST|GROUP]...")
@pass_invocation
def facts(invocation: Invocation, environment: str, targets: tuple[str, ...]) -> None:
    """Ask hosts what they are and what runs there. Exit code 4 when one can't be asked."""
    from clmdeploy.cli.render.host import tell_facts
    from clmdeploy.queries.fleet import gather_fleet
    from clmdeploy.queries.hosts import chosen, managed_hosts

    with closing(_runtime(invocation, environment)) as runtime:
        loaded = runtime.environment
        names = [one.name for one in chosen(loaded, targets, managed_hosts(loaded))]
        fleet = gather_fleet(runtime.hosts, loaded, loaded.group_names(), only=names, probe=True)
    tell_facts(invocation, environment, [found for found in fleet.hosts if found.host.name in names])


def _runtime(invocation: Invocation, environment: str) -> Runtime:
    from clmdeploy.runtime import Runtime

    return Runtime.of(invocation.inventories, environment)
