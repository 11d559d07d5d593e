"""A guarded act: one request to the guard of one host, and what came of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clmdeploy.changes.scopes import Scope
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.facts import Claim
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import JsonValue, Text, Value

Verb = Literal["perform", "restore", "probe", "ask"]
GuardVerb = Literal["run", "ask", "probe", "fence"]
Status = Literal["done", "failed", "refused", "unreachable", "timed-out", "in-flight", "unknown"]
SILENT: tuple[Status, ...] = ("unreachable", "timed-out")
UNCLEAR: tuple[Status, ...] = (*SILENT, "in-flight", "unknown")
"""it may have acted: the guard and the host are asked what became of it"""


class Fence(Value):
    """What the guard compares: the lease's scope and its token, which only grows."""

    scope: Scope = "fleet"
    token: int = Field(ge=0)


class Guarded(Value):
    """One act on one host, as the adapters send it."""

    key: str = Field(description="name of the target within its step")
    host: Host
    environment: str = Field(description="UUID of the environment; the host compares")
    guard: GuardVerb
    playbook: str = Field("", description="the playbook that carries the act, where one does")
    act: str = ""
    verb: Verb = "perform"
    unit: str = ""
    fence: Fence = Fence(token=0)
    claim: Claim | None = None
    timeout: int = 120
    arguments: dict[str, JsonValue] = {}
    before: dict[str, JsonValue] = {}
    secrets: dict[str, Secret] = {}


class Outcome(Value):
    """What came of an act on one host."""

    status: Status
    message: Text = ""
    result: dict[str, JsonValue] = {}
    acted: bool = Field(True, description="false when it is sure that the act never began")

    @property
    def is_done(self) -> bool:
        return self.status == "done"

    def complaint(self, host: str) -> str:
        """What went wrong, beginning with the host's name."""
        words = self.message or self.status
        return words if words.startswith(host) else Bilingual(f"{host}: {words}", f"{host}: {russian(words)}")
