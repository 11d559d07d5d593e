"""The events of a change: numbered, each naming the digest of the one before it, across changes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from clmdeploy.changes.event_details import refuse_misfit
from clmdeploy.changes.guarded import Outcome
from clmdeploy.model.value import JsonValue, Value, digest_of

EventKind = Literal[
    "opened",
    "step-started",
    "step-finished",
    "undo-started",
    "undo-finished",
    "paused",
    "taken-over",
    "host-dropped",
    "closed",
]
GENESIS = "0" * 64


class Link(Value):
    """Names one event of the chain."""

    change: str
    seq: int = Field(ge=0)
    digest: str


class Who(Value):
    """Who acts, and from where."""

    principal: str
    user: str
    host: str
    job: str | None = Field(None, description="CI job, when a pipeline acts")


class Event(Value):
    """One entry of the journal. Stored before the act that it announces; results may follow late."""

    format: Literal["event/1"] = "event/1"
    environment: str
    change: str
    seq: int = Field(ge=0)
    previous: str = Field(description="digest of the event before this one; zeros for the first of an environment")
    at: str = Field(description="wall clock of the writer, ISO 8601 with zone; for people, never compared")
    kind: EventKind
    who: Who
    nonce: str = Field(description="tells a writer whose answer was lost that the stored event is its own")
    step: str = ""
    outcomes: dict[str, Outcome] = Field(
        {}, description="by target; in a started event the targets with nothing to say yet"
    )
    detail: dict[str, JsonValue] = {}

    _stored_digest: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _told_in_full(self) -> Self:
        if datetime.fromisoformat(self.at).tzinfo is None:
            raise ValueError("a time without its zone")
        refuse_misfit(self.kind, self.detail)
        return self

    @property
    def digest(self) -> str:
        """Of the bytes as they are stored: a later version's new field must not break the chain."""
        return self._stored_digest or digest_of(self)

    def as_stored(self, digest: str) -> Event:
        """This event, known to be stored as bytes with that digest."""
        self._stored_digest = digest
        return self

    @property
    def link(self) -> Link:
        return Link(change=self.change, seq=self.seq, digest=self.digest)
