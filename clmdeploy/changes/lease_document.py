"""The lease as it is stored, and what people are told of one that stands in their way. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator

from clmdeploy.changes.events import Who
from clmdeploy.changes.scopes import Scope
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import HeldByHand, LeaseHeld
from clmdeploy.model.value import Value

LONGEST_LIFE = 3600  # seconds; whoever meets a lease is kept waiting as long
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
    since: str = Field(min_length=1, description="wall clock of the holder when it took the lease; for people")
    time_to_live: int = Field(
        30, ge=1, le=LONGEST_LIFE, description="seconds without a heartbeat after which it counts as expired"
    )
    renewed: str = Field("", description="wall clock of the holder at its last heartbeat; for people")
    nonce: str = Field(description="renewed with each write, so that a lost answer can be told from a lost race")

    @field_validator("since", "renewed")
    @classmethod
    def _has_a_zone(cls, at: str) -> str:
        if at and datetime.fromisoformat(at).tzinfo is None:
            raise ValueError("a time without its zone")
        return at

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


def held_error(document: LeaseDocument, environment: str) -> LeaseHeld:
    """For somebody who finds the lease taken."""
    words = held_words(document, environment)
    return HeldByHand(*words) if document.manual else LeaseHeld(*words)


def held_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds the lease taken."""
    who = f"{document.who.principal} ({document.who.user}@{document.who.host})"
    if document.manual:
        release = f"`clmdeploy lease release -e {environment} --scope {document.scope}`"
        return (
            Bilingual(
                f"{who} holds the {document.scope} lease by hand since {document.since}: {document.reason}",
                f"{who} держит блокировку {document.scope} вручную с {document.since}: {document.reason}",
            ),
            Bilingual(f"ask them; it ends with {release}", f"спросите их; блокировку снимает {release}"),
        )
    why, show = document.reason or document.change, f"`clmdeploy lease show -e {environment}`"
    return (
        Bilingual(
            f"{who} holds the {document.scope} lease since {document.since}: {why}",
            f"{who} держит блокировку {document.scope} с {document.since}: {why}",
        ),
        Bilingual(
            f"wait with --lease-wait SECONDS, or ask them; {show} tells more",
            f"подождите с --lease-wait СЕКУНДЫ или спросите их; подробнее: {show}",
        ),
    )


def expired_words(document: LeaseDocument, environment: str) -> tuple[str, str]:
    """Message and hint for somebody who finds a lease whose holder is gone."""
    who, seconds = document.who.principal, document.time_to_live
    if document.change == HOST_SETUP:
        again = f"`clmdeploy host setup -e {environment}`"
        return (
            Bilingual(
                f"a `host setup` of {who} was cut off: silent for more than {seconds} s",
                f"`host setup`, начатый {who}, прерван: молчит дольше {seconds} с",
            ),
            Bilingual(
                f"run {again} again: a second run changes only what is still lacking",
                f"запустите {again} ещё раз: повторный запуск меняет только то, чего ещё не хватает",
            ),
        )
    return (
        Bilingual(
            f"change {document.change} of {who} stands open: its control node has been silent for more than "
            f"{seconds} s",
            f"изменение {document.change} ({who}) не завершено: его управляющий узел молчит дольше {seconds} с",
        ),
        settling_hint(document.change, environment),
    )


def unreadable_words(key: str, environment: str, faults: int) -> tuple[str, str]:
    """Message and hint for somebody who finds no lease under its key, but something else."""
    renew = f"`clmdeploy lease renew -e {environment}`"
    return (
        Bilingual(f"{key} is not a lease: {faults} faults", f"{key} — не запись блокировки: ошибок {faults}"),
        Bilingual(
            f"once nobody is at work, remove it; then {renew}",
            f"когда никто не работает, удалите её; затем {renew}",
        ),
    )


def settling_hint(change: str, environment: str) -> str:
    """The two commands of which one settles a change that stands open."""
    resume = f"`clmdeploy change resume {change} -e {environment}`"
    abort = f"`clmdeploy change abort {change} -e {environment}`"
    return Bilingual(
        f"run {resume} to finish it, or {abort} to take it back",
        f"завершить его: {resume}; откатить: {abort}",
    )
