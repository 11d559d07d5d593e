"""The lease as it is stored, and what people are told of one that stands in their way. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from clmdeploy.changes.events import Who
from clmdeploy.model.value import Value

Scope = Literal["fleet", "data"]
HOST_SETUP = "host-setup"
"""what holds the lease while bare hosts are prepared: no change, as there is no guard yet to go through"""


class LeaseDocument(Value):
    """The lease as stored."""

    format: Literal["lease/1"] = "lease/1"
    scope: Scope
    token: int = Field(ge=1)
    held: bool
    manual: bool = Field(False, description="held by a person, who has no heartbeat: it never expires")
    yields: bool = Field(False, description="the holder stops at its next safe point when somebody asks: a backup")
    who: Who
    change: str = ""
    reason: str = ""
    since: str = Field(description="wall clock of the holder when it took the lease; for people")
    time_to_live: int = Field(30, description="seconds without a heartbeat after which it counts as expired")
    renewed: str = Field("", description="wall clock of the holder at its last heartbeat; for people")
    nonce: str = Field(description="renewed with each write, so that a lost answer can be told from a lost race")

    def seems_lost(self, now: datetime) -> bool:
        """Whether to advise people to take over: they will be kept waiting if the clocks have lied.

        Nothing is decided by this: whether the lease has expired is for `Leases` to see, without any wall clock.
        """
        if not self.held or self.manual or not self.renewed:
            return False
        return (now - datetime.fromisoformat(self.renewed)).total_seconds() > 2 * self.time_to_live


class StopWish(Value):
    """Asks the holder of one token to stop at its next safe point; it lies beside the lease."""

    format: Literal["stop-wish/1"] = "stop-wish/1"
    scope: Scope
    token: int = Field(ge=1)
    who: Who
    reason: str


def held_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds the lease taken."""
    who = f"{document.who.principal} ({document.who.user}@{document.who.host})"
    if document.manual:
        return (
            f"{who} holds the {document.scope} lease by hand since {document.since}: {document.reason}",
            f"ask them; it ends with `clmdeploy lease release -e {environment} --scope {document.scope}`",
        )
    return (
        f"{who} holds the {document.scope} lease since {document.since}: {document.reason or document.change}",
        f"wait with --lease-wait SECONDS, or ask them; `clmdeploy lease show -e {environment}` tells more",
    )


def expired_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds a lease whose holder is gone."""
    if document.change == HOST_SETUP:
        return (
            f"a `host setup` of {document.who.principal} was cut off: silent for more than {document.time_to_live} s",
            f"run `clmdeploy host setup -e {environment}` again: a second run changes only what is still lacking",
        )
    return (
        f"change {document.change} of {document.who.principal} stands open: its control node has been silent "
        f"for more than {document.time_to_live} s",
        f"run `clmdeploy change resume {document.change} -e {environment}` to finish it, "
        f"or `clmdeploy change abort {document.change} -e {environment}` to take it back",
    )
