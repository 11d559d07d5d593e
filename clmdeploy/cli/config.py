"""`clmdeploy config`: check an environment's files, show what holds, print a commented example."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.bilingual import lines
from clmdeploy.model.errors import InvalidInput

if TYPE_CHECKING:
    from clmdeploy.config.environment import LoadedEnvironment


@click.group(short_help="Check and show an environment's files.")
def config() -> None:
    """Check an environment's files, show what holds, print a commented example."""


@config.command(short_help="Find all faults at once.")
@environment_option
@click.option("--resolve-secrets", is_flag=True, help="Read every secret too; one that can't be read is a fault.")
@json_option
@pass_invocation
def check(invocation: Invocation, environment: str, resolve_secrets: bool) -> None:
    """Read all files of an environment and find all their faults at once (exit code 3), changing nothing."""
    from clmdeploy.config.loading import unresolved_secrets

    loaded = _load(invocation, environment)
    missing = tuple(unresolved_secrets(loaded, os.environ, open_vaults=resolve_secrets).values())
    if missing and resolve_secrets:
        raise InvalidInput(lines(error.message for error in missing), missing[0].hint)
    notes = [error.message for error in missing]
    if invocation.json:
        groups = {group: [host.name for host in loaded.group(group)] for group in loaded.group_names()}
        click.echo(json.dumps({"environment": loaded.name, "groups": groups, "notes": notes}, ensure_ascii=False))
        return
    click.echo(invocation.say("config.good", directory=loaded.directory))
    for group in loaded.group_names():
        names = ", ".join(host.name for host in loaded.group(group))
        click.echo(invocation.say("config.group", group=group, hosts=names))
    for note in notes:
        click.echo(invocation.say("config.note", message=note), err=True)


@config.command(short_help="Print a commented clm.yml.")
@click.argument("name", default="production")
@json_option
@pass_invocation
def example(invocation: Invocation, name: str) -> None:
    """Print a commented clm.yml for the environment NAME, with an identity of its own."""
    from clmdeploy.config.example import render

    text = render({"name": name, "uuid": str(uuid.uuid4())})
    if invocation.json:
        text = json.dumps({"file": "clm.yml", "text": text}, ensure_ascii=False) + "\n"
    click.echo(text, nl=False)


@config.command(short_help="Print what holds, secrets redacted.")
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, environment: str) -> None:
    """Print the effective settings, defaults included, and the hosts. Secrets appear as where they are kept."""
    import yaml

    shown = _load(invocation, environment).shown(digests=invocation.json or invocation.verbose)
    if invocation.json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), nl=False)


def _load(invocation: Invocation, environment: str) -> LoadedEnvironment:
    from clmdeploy.config.loading import find_inventories, load

    return load(find_inventories(invocation.inventories, os.environ), environment)
