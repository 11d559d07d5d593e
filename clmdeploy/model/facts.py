"""What was found to be true of an environment: gathered by queries, read by planners."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue, Text, Value


class SchemaState(Value):
    """The database schema, as the running release's own hook reports it."""

    version: int
    dirty: bool = False


class Claim(Value):
    """A token that was taken on the host itself, by somebody at work without the storage."""

    change: str
    who: str
    since: str
    scope: str = "fleet"
    token: int
    expect: int = Field(0, description="the newest token before it")
    ended: bool = Field(False, description="the work has ended; its journal may still be on its control node alone")

    @classmethod
    def told(cls, found: dict[str, JsonValue]) -> Claim:
        """As a host tells it; what a later version's guard may add is left aside."""
        return cls.model_validate({key: value for key, value in found.items() if key in cls.model_fields})


class HostFacts(Value):
    """One host as it was found."""

    host: Host
    reachable: bool
    message: Text = Field("", description="why not, or what is wrong with what runs here, for an administrator")
    current: str | None = Field(None, description="release directory that `current` points to")
    recorded: str | None = Field(
        None, description="the same by the host's own record; differs only after a cut-off switch"
    )
    ledger: tuple[str, ...] = Field((), description="release directories that ran before, oldest first")
    staged: tuple[str, ...] = ()
    version: str | None = Field(None, description="version of the current release")
    manifest_schema: JsonValue = Field(None, description="the current release's schema section")
    schema_state: SchemaState | None = None
    schema_fault: Text = Field("", description="why the schema version could not be told")
    drained: dict[str, str] = Field({}, description="balancer server → change that holds it drained, on balancer hosts")
    disk_free: int = 0
    inodes_free: int | None = None
    memory: int = 0
    os: str = ""
    python: str = ""
    clock: float = 0.0
    services: tuple[dict[str, JsonValue], ...] = ()
    token: int = Field(0, description="newest token of the fleet lease that this host has seen")
    claim: Claim | None = None
    stopped: dict[str, str] = Field({}, description="component → the change that keeps it stopped on purpose")
    acting: tuple[str, ...] = Field((), description="units of ours that are at work here now")

    @property
    def is_cut_off(self) -> bool:
        """Whether a switch was cut off here: link and record differ, or what should run does not. Needs a probe."""
        meant = [service for service in self.services if service["component"] not in self.stopped]
        units = [state for service in meant for state in service["units"].values()]
        healthy = all(service["healthy"] for service in meant) and all(one == "active" for one in units)
        return self.current != self.recorded or not healthy


class ServerFacts(Value):
    """One server of a balancer's backend."""

    balancer: str
    backend: str
    server: str
    state: Literal["ready", "drain", "maint", "other"]
    status: str
    holder: str = Field("", description="change that holds it drained; empty when none of this tool's does")

    @property
    def name(self) -> str:
        """BALANCER:BACKEND/SERVER."""
        return f"{self.balancer}:{self.backend}/{self.server}"


class FleetFacts(Value):
    """All hosts that a plan may touch, and the balancers' view of them."""

    hosts: tuple[HostFacts, ...]
    servers: tuple[ServerFacts, ...] = ()

    def of(self, name: str) -> HostFacts:
        """Facts of one host. Raises StopIteration for a name that was not asked."""
        return next(facts for facts in self.hosts if facts.host.name == name)

    @property
    def schema_state(self) -> SchemaState | None:
        return next((facts.schema_state for facts in self.hosts if facts.schema_state), None)
