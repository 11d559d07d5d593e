"""What became of a notice: lines on stderr, whatever stdout is for; and the same as JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.courier import Delivery


def show_delivery(invocation: Invocation, delivery: Delivery) -> None:
    """One line for what was handed over, one for each way in which it was not."""
    told = {
        "sent": ", ".join(delivery.accepted), "refused": _reasons(delivery.refused), "kept": _reasons(delivery.kept)
    }  # fmt: skip
    lines = [invocation.say(f"notice.{key}", names=printable(names)) for key, names in told.items() if names]
    if delivery.fault:
        lines.append(invocation.say("notice.lost", why=printable(delivery.fault)))
    with contextlib.suppress(OSError):  # a terminal that is gone must not change how the command ends
        for line in lines:
            click.echo(line, err=True)


def delivery_json(delivery: Delivery | None) -> JsonValue:
    """As documented in docs/json.md; None when nobody had to be told."""
    return None if delivery is None else delivery.model_dump(mode="json")


def _reasons(recipients: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({reason})" for name, reason in recipients.items())
