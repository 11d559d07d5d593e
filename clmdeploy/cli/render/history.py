"""What `release history` shows: a table, Markdown for a report, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.text import Text

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import STYLES, make_console, make_table, moment
from clmdeploy.config.settings import Environment
from clmdeploy.releases.history import Installation

_COLUMNS = ("when", "kind", "version", "before", "state", "hosts", "who", "reason")


def tell_history(
    invocation: Invocation, settings: Environment, installations: Sequence[Installation], *, markdown: bool
) -> None:
    """Oldest first: the newest stands next to the prompt."""
    if invocation.json:
        told = [one.model_dump(mode="json") for one in installations]
        report = {"format": "release-history/1", "environment": settings.name, "installations": told}
        click.echo(json.dumps(report, ensure_ascii=False))
    elif not installations:
        click.echo(invocation.say("release.no_history", environment=settings.name))
    elif markdown:
        click.echo(as_markdown(invocation, settings, installations), nl=False)
    else:
        table = make_table(invocation, *_COLUMNS)
        for one in installations:
            row = [Text(cell) for cell in _cells(invocation, settings, one)]
            row[_COLUMNS.index("state")].stylize(STYLES.get(one.state, ""))
            table.add_row(*row)
        make_console().print(table)


def as_markdown(invocation: Invocation, settings: Environment, installations: Sequence[Installation]) -> str:
    """A Markdown table; nothing that an administrator wrote can end a cell or a line."""
    heads = [invocation.say(f"column.{column}") for column in _COLUMNS]
    rows = [heads, ["---"] * len(heads)]
    rows += [[_escaped(cell) for cell in _cells(invocation, settings, one)] for one in installations]
    title = invocation.say("release.history_of", application=settings.application, environment=settings.name)
    return f"# {title}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(invocation: Invocation, settings: Environment, one: Installation) -> list[str]:
    before = ", ".join(name.rpartition("-")[0] for name in (one.before or "").split(", "))
    who = f"{one.who.principal} ({one.who.user}@{one.who.host})" + (f" {one.who.job}" if one.who.job else "")
    reasons = "; ".join([one.reason, *(f"{rule}: {why}" for rule, why in sorted(one.reasons.items()))])
    return [
        moment(one.began, settings.time_zone), one.kind, one.version, before or "-",
        invocation.say(f"state.{one.state}"), _hosts(invocation, one), who, reasons.removeprefix("; "),
    ]  # fmt: skip


def _hosts(invocation: Invocation, one: Installation) -> str:
    parts = [", ".join(one.installed)] if one.installed else []
    for kind in ("taken_back", "unclear"):
        names = getattr(one, kind)
        parts += [invocation.say(f"release.hosts_{kind}", hosts=", ".join(names))] if names else []
    if one.schema_changes:
        parts.append(invocation.say("release.schema_changed", changes=" ".join(one.schema_changes)))
    return "; ".join(parts) or "-"


def _escaped(cell: str) -> str:
    """GitHub's and GitLab's tables know no other way than backslashes and entities."""
    for mark in "\\`*_[]<>|#":
        cell = cell.replace(mark, f"\\{mark}")
    return " ".join(cell.split())
