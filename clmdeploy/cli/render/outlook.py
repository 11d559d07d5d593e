"""How long a plan may take and what it would lose, in words."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import size_words, span
from clmdeploy.planners.estimate import Estimate
from clmdeploy.planners.loss import Loss
from clmdeploy.planners.outlook import Outlook


def outlook_rows(invocation: Invocation, outlook: Outlook | None) -> Iterator[tuple[str, str]]:
    """Key of the catalogue, and words."""
    if outlook is not None and outlook.estimate is not None:
        yield "outlook.takes", _estimate(invocation, outlook.estimate)
    if outlook is not None and outlook.loss is not None:
        yield "outlook.loses", loss_words(invocation, outlook.loss)


def loss_words(invocation: Invocation, loss: Loss) -> str:
    """For how long was written since, and how many rows."""
    since = invocation.say("outlook.since", seconds=loss.seconds, span=_span(loss.seconds))
    if loss.written is None:
        return since + invocation.say("outlook.uncounted", why=invocation.told(loss.uncounted))
    rows = invocation.say(
        "outlook.rows" if loss.counted_from is None else "outlook.rows_at_most", total=loss.written.total,
        inserted=loss.written.inserted, updated=loss.written.updated, deleted=loss.written.deleted,
        point=loss.counted_from or "",
    )  # fmt: skip
    return since + rows


def _estimate(invocation: Invocation, told: Estimate) -> str:
    if told.seconds is not None:
        return invocation.say("outlook.about", span=_span(told.seconds), runs=told.runs)
    return invocation.say("outlook.no_history_sized" if told.size else "outlook.no_history", size=size_words(told.size))


def _span(seconds: int) -> str:
    """Nobody knows tenths of a second before."""
    return f"{seconds} s" if seconds < 60 else span(seconds)
