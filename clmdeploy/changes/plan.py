"""The plan: what will be done, as an immutable value. Its SHA-256 is its name; clocks and estimates stay outside."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clmdeploy.changes.scopes import Kind, Scope, scope_of
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue, Text, Value, digest_of

Undo = Literal["restore", "tidy", "nothing", "keep", "irreversible"]
"""restore: put the state before back · tidy: likewise, but what can't be tidied harms nobody · nothing: the act leaves
nothing behind · keep: what it did is compatible with the release before and stays · irreversible: no way back"""


class PlaybookCall(Value):
    """An act on many hosts, carried by a playbook."""

    kind: Literal["playbook"] = "playbook"
    playbook: str = Field(pattern=r"^[a-z][a-z-]*$")
    act: str
    arguments: dict[str, JsonValue] = {}
    fetch: dict[str, str] = Field(
        {}, description="secret name → key in the release bucket; presigned anew for each act"
    )


class Informed(Value):
    """An act that is told what earlier ones found."""

    act: str
    arguments: dict[str, JsonValue] = {}
    uses: tuple[str, ...] = Field(
        (), description="IDs of earlier steps: their results come as argument `results`, by step and target"
    )


class TaskCall(Informed):
    """An act on single hosts, asked directly."""

    kind: Literal["task"] = "task"
    secrets: dict[str, str] = Field(
        {},
        description="secret name → the setting that refers to it, or SETTING#LABEL for one derived from that, where "
        "{host} in the label is the target's; looked up anew for each act, never kept",
    )
    fetch: dict[str, str] = Field(
        {}, description="secret name → key in the release bucket; presigned anew for each act"
    )


class EngineCall(Informed):
    """Work of a backup engine on single hosts. `act` names how it becomes commands, and what is read from them."""

    kind: Literal["engine"] = "engine"


class StoreCall(Informed):
    """An act on the storage, by the control node itself. Its target is the host that the stored is about."""

    kind: Literal["store"] = "store"


class GateCall(Value):
    """A read-only question that must be answered well for `seconds` on end before the change goes on."""

    kind: Literal["gate"] = "gate"
    act: str
    arguments: dict[str, JsonValue] = {}
    seconds: int = Field(0, ge=0)


Action = Annotated[PlaybookCall | TaskCall | EngineCall | StoreCall | GateCall, Field(discriminator="kind")]


class Target(Value):
    """One place where a step acts. `subject` is the host that the act is about: a drain of app1 happens on lb1."""

    host: str
    subject: str
    arguments: dict[str, JsonValue] = {}
    before: dict[str, JsonValue] = Field(
        {}, description="state that the plan expects; acts refuse another, undo restores it"
    )

    @property
    def key(self) -> str:
        return self.host if self.host == self.subject else f"{self.subject}@{self.host}"


class Step(Value):
    """One act on its targets. Hosts run in parallel; a step ends when all have answered."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    stage: str
    batch: str = Field(
        "", description="steps of one batch stand and fall together; empty before the barrier and after the rollout"
    )
    title: str
    action: Action
    targets: tuple[Target, ...] = Field(min_length=1)
    undo: Undo
    whole_fleet: bool = Field(False, description="serves every host: undone only when no host owes an undo")
    data: bool = Field(False, description="reads or changes the data as a whole: the data lease is held meanwhile")
    essential: bool = Field(True, description="false: a failure is told, but stops nothing and takes nothing back")
    timeout: int = Field(300, ge=1, le=86400, description="seconds for each host")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        """Outcomes, and so undos, are kept by key."""
        keys = [target.key for target in self.targets]
        if len(keys) != len(set(keys)):
            raise ValueError(f"step {self.id} has two targets of one name")
        return self


class Policy(Value):
    """What a failed, unreachable or timed-out host means for the rest."""

    on_failure: Literal["stop", "take-back-batch", "take-back-all", "tolerate"] = "take-back-all"
    tolerate: int = Field(
        0, ge=0, description="hosts that may fail and are taken back alone, with on_failure: tolerate"
    )


class Verdict(Value):
    """What taking this change back would need."""

    kind: Literal["safe", "needs-revert", "needs-restore", "first-install"]
    reason: Text


class Plan(Value):
    """Everything that will be done, in order. Kept in the state bucket, so that any control node can go on with it."""

    format: Literal["plan/1"] = "plan/1"
    kind: Kind
    environment: str
    environment_id: str
    application: str
    title: str
    from_release: str | None = None
    to_release: str | None = None
    inputs: dict[str, str] = Field(description="digest of each input: release, settings, hosts, playbooks, acts")
    hosts: tuple[Host, ...] = ()
    limit: tuple[str, ...] = Field((), description="these hosts alone were asked for; empty: all")
    expected: dict[str, JsonValue] = Field(
        {}, description="what each host runs, and the schema version, when this was planned"
    )
    steps: tuple[Step, ...] = ()
    policy: Policy = Policy()
    verdict: Verdict
    reasons: dict[str, str] = Field({}, description="why rules were set aside: no_restore_point, hotfix")

    @property
    def digest(self) -> str:
        """64 hexadecimal digits; the same inputs always give the same plan and the same digest."""
        return digest_of(self)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        """Results come from steps before; who holds the data lease for all of its time can't take it for a step."""
        known: set[str] = set()
        for step in self.steps:
            unknown = sorted({*getattr(step.action, "uses", ())} - known)
            if unknown:
                raise ValueError(f"step {step.id} uses results of {', '.join(unknown)}, which is no step before it")
            if step.data and self.scope == "data":
                raise ValueError(f"step {step.id} asks for the data lease, which its change holds already")
            known.add(step.id)
        return self

    @property
    def scope(self) -> Scope:
        """Whose lease it holds."""
        return scope_of(self.kind)

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.stage for step in self.steps))

    @property
    def irreversible(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.undo == "irreversible")

    def sections(self) -> Iterator[tuple[Step, ...]]:
        """The steps from one safe point to the next, in order: those of a batch, else those of a stage."""
        for _, steps in groupby(self.steps, key=lambda step: (step.stage, step.batch)):
            yield tuple(steps)

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)
