"""The world as the executor sees it: one value with everything that acts. `runtime` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from clmdeploy.changes.events import Event
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.plan import Plan, Step
from clmdeploy.changes.ports import Clock, ObjectStore, Performer
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret


class Watcher(Protocol):
    """Sees a change go on: what the face shows and what `--events` prints. Called from several threads."""

    def on_opened(self, change: str, plan: Plan) -> None: ...

    def on_event(self, event: Event) -> None: ...

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None: ...

    def on_stop_wanted(self, wanted: str) -> None: ...


class Silent:
    """A watcher that shows nothing."""

    def on_opened(self, change: str, plan: Plan) -> None:
        """Nothing to show."""

    def on_event(self, event: Event) -> None:
        """Nothing to show."""

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        """Nothing to show."""

    def on_stop_wanted(self, wanted: str) -> None:
        """Nothing to show."""


@dataclass(frozen=True)
class World:
    """Ports for one run."""

    clock: Clock
    hosts: Performer
    """asks and acts on single hosts"""
    playbooks: Performer
    """acts on many hosts through playbooks"""
    engines: Performer
    """lets backup engines work on single hosts"""
    keeper: Performer
    """acts on the storage"""
    releases: ObjectStore
    """where hosts fetch bundles, by presigned address"""
    inventory: Mapping[str, Host]
    """how this control node reaches the hosts; the plan binds all but its identity files"""
    secret: Callable[[str], Secret]
    """what a setting refers to, looked up now; raises InvalidInput"""
    watcher: Watcher = field(default_factory=Silent)
