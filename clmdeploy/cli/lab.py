"""`clmdeploy lab`: put labs up and down, look into them, break them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import json_option, pass_invocation

if TYPE_CHECKING:
    from clmdeploy.lab.host import LabHost
    from clmdeploy.lab.lab import Lab

Function = TypeVar("Function", bound=Callable[..., Any])  # Any: click passes what each command's options say

_FILL_PATH = "/opt/clm/releases"


def name_option(function: Function) -> Function:
    """`--name NAME`, passed on as `name`."""
    return click.option(
        "--name", default="lab", show_default=True, envvar="CLM_LAB", show_envvar=True, help="Which lab."
    )(function)


@click.group()
def lab() -> None:
    """A lab of real Debian hosts on this machine (root; needs systemd-nspawn)."""


@lab.command()
@name_option
@click.option("--apps", type=click.IntRange(0, 20), default=3, show_default=True, help="Application hosts.")
@click.option("--workers", type=click.IntRange(0, 9), default=1, show_default=True, help="Worker hosts.")
@click.option("--bare", type=click.IntRange(0, 20), default=0, show_default=True, help="Further hosts without a role.")
@json_option
@pass_invocation
def up(invocation: Invocation, name: str, apps: int, workers: int, bare: int) -> None:
    """Put a lab up: balancer, applications, worker, databases, S3 server, backup host. The first up builds an image."""
    from clmdeploy.lab import Lab, LabSpec

    spec = LabSpec(name=name, apps=apps, workers=workers, bare=bare)
    standing = Lab.up(spec, progress=lambda line: click.echo(line, err=True))
    if invocation.json:
        click.echo(json.dumps(_described(standing)))
    else:
        _show_table(standing)
        click.echo("\n" + _how_to_use(standing))


@lab.command()
@name_option
@json_option
@pass_invocation
def down(invocation: Invocation, name: str) -> None:
    """Take a lab down and remove everything that it put on the machine."""
    from clmdeploy.lab.removal import take_down

    existed = take_down(name)
    if invocation.json:
        click.echo(json.dumps({"name": name, "removed": existed}))
    else:
        click.echo(f"lab {name} is removed" if existed else f"there is no lab {name}: nothing to remove")


@lab.command()
@name_option
@json_option
@pass_invocation
def status(invocation: Invocation, name: str) -> None:
    """Show the hosts of a lab and whether they run, are frozen, cut off or switched off."""
    from clmdeploy.lab import Lab

    standing = Lab.open(name)
    if invocation.json:
        click.echo(json.dumps(_described(standing)))
    else:
        _show_table(standing)


@lab.command()
@click.option("--name", default="demo", show_default=True, help="Which lab: made for this, and replaced each time.")
@click.option("--subscribers", type=click.IntRange(1000, 1_000_000), default=100_000, show_default=True)
@click.option(
    "--requests", type=click.IntRange(100, 100_000), default=5_000, show_default=True, help="At least so many."
)
@click.option("--rate", type=click.FloatRange(10, 1000), default=150, show_default=True, help="Requests a second.")
@click.option("--keep/--no-keep", default=True, show_default=True, help="Leave the lab up, to look further.")
@json_option
@pass_invocation
def demo(invocation: Invocation, name: str, subscribers: int, requests: int, rate: float, keep: bool) -> None:
    """Roll releases of a sample CLM across a lab under load; see a bad one take itself back. Two minutes."""
    from clmdeploy.lab.demo.run import run_demo
    from clmdeploy.lab.demo.script import DemoSpec

    spec = DemoSpec(name=name, subscribers=subscribers, rate=rate, requests=requests)
    report = run_demo(spec, keep=keep, output=sys.stderr if invocation.json else sys.stdout)
    if invocation.json:
        click.echo(json.dumps(report.described(), ensure_ascii=False))


@lab.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@name_option
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(name: str, host: str, command: tuple[str, ...]) -> None:
    """Log in to HOST as root, or run COMMAND there (the remote shell reads it, as with ssh itself)."""
    from clmdeploy.lab import Lab

    argv = Lab.open(name).host(host).ssh.command(*command)
    os.execvp(argv[0], argv)  # noqa: S606 ssh takes this terminal over


@lab.command()
@name_option
def inventory(name: str) -> None:
    """Print the directory for `--inventories`; the environment in it is named `lab`."""
    from clmdeploy.lab import Lab

    click.echo(Lab.open(name).inventories)


@lab.group()
def fault() -> None:
    """Break one host of a lab, or mend it."""


def _add_fault(verb: str, method: str, done: str, explanation: str) -> None:
    """A subcommand of `fault` that calls a method of LabHost."""

    @fault.command(verb, help=explanation)
    @name_option
    @click.argument("host")
    def act(name: str, host: str) -> None:
        getattr(_host(name, host), method)()
        click.echo(f"{host} {done}")


for _entry in (
    ("cut", "cut", "is cut off from the network", "Pull HOST's network cable."),
    ("heal", "heal", "is on the network", "Plug HOST's network cable in again."),
    ("freeze", "freeze", "is frozen", "Stop every process of HOST; its kernel still answers."),
    ("thaw", "thaw", "runs again", "Let a frozen HOST go on."),
    ("kill", "kill", "is off; its disk is kept", "Power loss: HOST ends at once, its disk is kept."),
    ("start", "start", "is on and ready", "Switch HOST on and wait until it is ready."),
    ("reboot", "reboot", "has rebooted and is ready", "Reboot HOST in an orderly way and wait until it is ready."),
    ("wipe", "wipe", "has a new disk and is ready", "Give HOST a new disk, as it was when the lab came up."),
    ("drain-disk", "unfill", "has its disk space back", "Undo every `fill` of HOST; what was written meanwhile stays."),
):
    _add_fault(*_entry)


@fault.command()
@name_option
@click.option("--path", default=_FILL_PATH, show_default=True, help="Directory of HOST that gets full.")
@click.option("--free", type=click.IntRange(min=0), default=0, show_default=True, help="Bytes that can be written yet.")
@click.argument("host")
def fill(name: str, path: str, free: int, host: str) -> None:
    """Let writes below a directory of HOST fail: no space left on device."""
    _host(name, host).fill(path, free)
    click.echo(f"{path} of {host} is full")


def _host(name: str, host: str) -> LabHost:
    from clmdeploy.lab import Lab

    return Lab.open(name).host(host)


def _described(standing: Lab) -> dict[str, object]:
    hosts = [
        {"name": host.name, "group": host.group, "address": host.address, "state": host.state}
        for host in standing.hosts.values()
    ]
    return {
        "format": "lab-status/1",
        "name": standing.name,
        "environment": standing.environment,
        "inventories": str(standing.inventories),
        "hosts": hosts,
    }


def _show_table(standing: Lab) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("host", "group", "address", "state", title=f"lab {standing.name}", title_justify="left")
    for host in standing.hosts.values():
        table.add_row(host.name, host.group, host.address, host.state)
    Console().print(table)


def _how_to_use(standing: Lab) -> str:
    named = "" if standing.name == "lab" else f" --name {standing.name}"
    return "\n".join((
        "Next:",
        f"  export CLM_INVENTORIES={standing.inventories}",
        f"  clmdeploy status -e {standing.environment}",
        f"  clmdeploy lab ssh{named} {next(iter(standing.hosts))}",
        f"  clmdeploy lab down{named}",
    ))  # fmt: skip
