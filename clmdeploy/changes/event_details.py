"""What an event tells besides its outcomes, as far as anybody acts on it. Pure.

An event behind the last one that the signed head names is under no signature: whoever has rights to the bucket may put
anything there. So this is looked at when an event is read, not where somebody stumbles over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from clmdeploy.model.value import JsonValue

ClosedState = Literal["done", "taken-back", "partly", "stopped", "superseded"]
"""superseded: work without the storage has brought its hosts into a known state since"""


class Detail(BaseModel):
    """Of any event. What else is told, is for people."""

    model_config = ConfigDict(frozen=True, strict=True)

    token: int = 0
    """of the lease that the change goes on with"""
    after: str = ""
    """digest of another change's event, which has acted before this one"""


class Approved(BaseModel):
    """One approval that let a change begin."""

    principal: str
    digest: str


class Opened(Detail):
    """Of the first event."""

    plan: str
    """digest"""
    kind: str
    title: str
    approvals: list[Approved] = []


class UndoStarted(Detail):
    """What is being taken back: see `ledger.UndoScope`."""

    batch: str | None = None
    hosts: list[str] = []
    failed_step: str = ""


class HostDropped(Detail):
    """Hosts that are left out for good."""

    hosts: list[str]


class Closed(Detail):
    """How the change ended."""

    state: ClosedState


class Superseded(Closed):
    """Other work has brought the hosts `covered` into a known state since."""

    covered: list[str]


_OF_KIND: Mapping[str, type[Detail]] = {
    "opened": Opened, "undo-started": UndoStarted, "host-dropped": HostDropped, "closed": Closed,
}  # fmt: skip


def refuse_misfit(kind: str, detail: Mapping[str, JsonValue]) -> None:
    """Raises ValueError when an event of this `kind` can't tell this."""
    shape = _OF_KIND.get(kind, Detail)
    if shape is Closed and detail.get("state") == "superseded":
        shape = Superseded
    shape.model_validate(detail)
