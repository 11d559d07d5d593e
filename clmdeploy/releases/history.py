"""What was truly installed, by whom and when: from the journal's events, not from what was planned. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.ledger import Ledger, State
from clmdeploy.changes.plan import Plan, Step, TaskCall
from clmdeploy.model.value import Value

InstallationState = Literal["done", "taken-back", "partly", "stopped", "paused", "open"]
_UNCLEAR: tuple[State, ...] = ("failed", "unknown", "running", "undoing", "owed")


class Installation(Value):
    """One deploy or rollback, or a restore that brought another release, however it ended.

    Releases are named as on the hosts: VERSION-DIGEST8.
    """

    change: str
    kind: str
    application: str
    release: str
    before: str | None = Field(None, description="what ran before; several where hosts differed")
    state: InstallationState
    began: str = Field(description="ISO 8601 with zone")
    ended: str | None = Field(None, description="the same; null while the change stands open")
    who: Who
    reason: str = ""
    reasons: dict[str, str] = Field({}, description="rules that were set aside, and why")
    installed: tuple[str, ...] = Field((), description="hosts that ran the release when this change ended")
    taken_back: tuple[str, ...] = Field((), description="hosts that were switched, and put back")
    unclear: tuple[str, ...] = Field((), description="hosts where a switch or its undo did not come to its end")
    schema_changes: tuple[str, ...] = Field((), description="`+4` migration 4 applied, `-4` reverted")

    @property
    def version(self) -> str:
        """The release's version, without the digest of its build."""
        return self.release.rpartition("-")[0]


def installation(change: str, plan: Plan, events: Sequence[Event]) -> Installation | None:
    """The story of one change; None when it is of a kind that installs nothing."""
    switches = plan.kind == "restore" and any(step.action.act == "switch" for step in plan.steps)
    if not (switches or plan.kind in ("deploy", "rollback")) or plan.to_release is None or not events:
        return None
    ledger, first, last = Ledger.of(plan, events), events[0], events[-1]
    state = _state(last)
    return Installation(
        change=change, kind=plan.kind, application=plan.application, release=plan.to_release, before=plan.from_release,
        state=state, began=first.at, ended=None if state in ("open", "paused") else last.at, who=first.who,
        reason=str(first.detail.get("reason", "")), reasons=plan.reasons,
        installed=_hosts(ledger, "done"), taken_back=_hosts(ledger, "undone"), unclear=_hosts(ledger, *_UNCLEAR),
        schema_changes=tuple(_schema_changes(ledger)),
    )  # fmt: skip


def _state(last: Event) -> InstallationState:
    if last.kind == "closed":
        state: InstallationState = last.detail["state"]
        return state
    return "paused" if last.kind == "paused" else "open"


def _hosts(ledger: Ledger, *states: State) -> tuple[str, ...]:
    """Hosts whose switch is in one of the states."""
    switches = [step for step in ledger.plan.steps if step.action.act == "switch"]
    return tuple(target.host for step in switches for target in ledger.targets(step, *states))


def _schema_changes(ledger: Ledger) -> Iterator[str]:
    for step in ledger.plan.steps:
        if step.action.act == "migrate" and ledger.targets(step, "done"):
            yield from _migrations(step)


def _migrations(step: Step) -> Iterator[str]:
    assert isinstance(step.action, TaskCall)  # noqa: S101  # migrations are asked of one host
    sign = "+" if step.action.arguments["direction"] == "apply" else "-"
    yield from (f"{sign}{version}" for version in step.action.arguments["versions"])
