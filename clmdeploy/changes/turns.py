"""Whose turn it is in an environment: what is asked for, and what whoever gives turns can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from clmdeploy.changes.events import Who
from clmdeploy.changes.held_lease import Holding
from clmdeploy.changes.lease_document import LeaseDocument
from clmdeploy.changes.scopes import Scope

Standing = tuple[LeaseDocument, str]
"""the lease as it stands, and its entity tag"""


@dataclass(frozen=True)
class Request:
    """Who wants the lease, what for, and how long it may wait for it."""

    scope: Scope
    who: Who
    change: str
    reason: str
    wait: float = 0.0
    above: int = 0
    """the token will be larger than this: hosts may have seen more than the bucket knows"""
    give_up: Callable[[], bool] = lambda: False
    """asked while it waits: whether somebody wants no more of it"""
    yields: bool = False
    """the holder stops at its next safe point when somebody asks it to"""


class Turns(Protocol):
    """Whose turn it is: by the leases in the state bucket, or, without the storage, by what the hosts have seen."""

    def acquire(self, request: Request) -> Holding: ...

    def await_free(self, scope: Scope, wait: float) -> None: ...

    def take_over(self, request: Request) -> Holding: ...

    def succeed(self, request: Request) -> Holding | None: ...

    def read(self, scope: Scope) -> Standing | None: ...

    def ask_to_stop(self, document: LeaseDocument, who: Who, reason: str) -> None: ...
