"""Turns without the storage: tokens are claimed on the hosts themselves, whose guards compare and raise them.

The lease lies in the bucket, and the bucket is out of reach. Every host of the plan is asked for the newest token that
it has seen, and a larger one is claimed on each, which counts only where nobody was faster. From then on no other
control node can act there, whatever the bucket says. The claim stays on the hosts until they see a lease with a larger
token: that is so once the journal of this work has been shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Fence, Guarded, Outcome
from clmdeploy.changes.lease_document import LeaseDocument, StopWish
from clmdeploy.changes.ports import Clock, Performer
from clmdeploy.changes.scopes import Scope
from clmdeploy.changes.turns import Request, Standing
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import HostUnreachable, LeaseHeld, StoreUnavailable
from clmdeploy.model.facts import Claim
from clmdeploy.model.hosts import Host

Seen = dict[str, Any]  # Any: JSON as a host tells it
GAP = 1_000_000  # no lease that somebody takes meanwhile comes near what is claimed: tokens of leases grow by one
QUIET_WAIT = 90.0  # seconds: a control node that has lost the storage stops by itself sooner
POLL = 2.0


@dataclass(frozen=True)
class Claims:
    """Claims on some hosts of one environment. Implements Turns."""

    performer: Performer
    hosts: Sequence[Host]
    environment: str
    """its name"""
    environment_id: str
    clock: Clock
    instead_of: str = ""
    """a change without the storage whose control node is lost: its claims do not count"""
    is_settled: Callable[[str], bool] = lambda _change: True
    """whether nothing of a change can be under way any more; until then its claims stand"""

    def acquire(self, request: Request) -> HeldClaims:
        """Claim every host. Raises LeaseHeld, naming who is faster or at work, or HostUnreachable."""
        if request.scope == "data":  # nobody can be told: what the hosts do is fenced by the other claim
            return HeldClaims(self, request, {}, 0)
        self._await_quiet(self.clock.monotonic() + QUIET_WAIT)
        return self._claimed(request, self._seen(request.change))

    def take_over(self, request: Request) -> HeldClaims:
        """Go on with a change of one's own: its earlier claims are no hindrance, nor is a host that is gone."""
        return self._claimed(request, self._seen(request.change, silent_too=True))

    def _claimed(self, request: Request, seen: Mapping[str, Seen]) -> HeldClaims:
        newest = {name: int(one["tokens"].get("fleet", 0)) for name, one in seen.items()}
        held = HeldClaims(self, request, newest, GAP + max(newest.values()))
        held.claim()
        return held

    def await_free(self, scope: Scope, wait: float) -> None:
        """Raises as `acquire` does, claims nothing. Waits until nothing of ours is at work on the hosts."""
        if scope == "fleet":
            self._await_quiet(self.clock.monotonic() + max(wait, QUIET_WAIT))

    def succeed(self, request: Request) -> HeldClaims | None:
        """There is no second lease to inherit."""

    def read(self, scope: Scope) -> Standing | None:
        """No lease can be read."""

    def ask_to_stop(self, document: LeaseDocument, who: Who, reason: str) -> None:
        """Nobody can be asked."""

    def _await_quiet(self, deadline: float) -> None:
        while acting := {name: one["acting"] for name, one in self._seen("").items() if one["acting"]}:
            if self.clock.monotonic() > deadline:
                names = ", ".join(f"{host} ({units[0]})" for host, units in acting.items())
                raise LeaseHeld(*_busy_words(names))
            self.clock.sleep(POLL)

    def _seen(self, change: str, *, silent_too: bool = False) -> dict[str, Seen]:
        asks = [self._ask(host) for host in self.hosts]
        outcomes = self.performer.perform(asks, _unheard)
        silent = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
        if silent and not (silent_too and len(silent) < len(outcomes)):
            raise HostUnreachable(lines(silent), _ALL_MUST_ANSWER)
        found = {name: outcome.result for name, outcome in outcomes.items() if outcome.is_done}
        for name, one in found.items():
            if one["claim"]:
                self._refuse_other(name, Claim.told(one["claim"]), change)
        return found

    def _refuse_other(self, host: str, claim: Claim, change: str) -> None:
        if claim.ended or claim.change in (change, self.instead_of):
            return
        raise LeaseHeld(*_claimed_words(host, claim))

    def _ask(self, host: Host) -> Guarded:
        return Guarded(key=host.name, host=host, environment=self.environment_id, guard="ask", act="tokens", verb="ask")


class HeldClaims:
    """Hosts that this process has claimed. Implements Holding: at each act the host itself compares."""

    def __init__(self, claims: Claims, request: Request, seen: dict[str, int], token: int) -> None:
        self._claims = claims
        self._request = request
        self._seen = seen
        self._token = token

    @property
    def fence(self) -> Fence:
        return Fence(scope=self._request.scope, token=self._token)

    @property
    def stop_wish(self) -> StopWish | None:
        """Nobody can be asked without the storage."""
        return None

    def claim(self) -> None:
        """On every host, what is at work there ended first. Raises LeaseHeld when one saw a larger token meanwhile."""
        outcomes = self._fence(ended=False)
        refused = [outcome.complaint(name) for name, outcome in outcomes.items() if not _is_claimed(outcome)]
        if refused:
            self._fence(ended=True)
            raise LeaseHeld(lines(refused), _LOOK_AGAIN)

    def check(self) -> None:
        """Nothing here can go stale: hosts refuse a token that is not their newest."""

    def outlast(self, error: StoreUnavailable, _tries: int) -> None:
        """Nothing is written to the storage."""
        raise error

    def release(self) -> None:
        """Let the hosts know that this work has ended, if it has. One that is out of reach goes on believing it."""
        if self._seen and self._claims.is_settled(self._request.change):
            self._fence(ended=True)

    def _fence(self, *, ended: bool) -> dict[str, Outcome]:
        who = self._request.who
        acts = [
            Guarded(
                key=host.name, host=host, environment=self._claims.environment_id, guard="fence", fence=self.fence,
                claim=Claim(
                    change=self._request.change, who=f"{who.principal} ({who.user}@{who.host})", token=self._token,
                    since=self._claims.clock.now().isoformat(timespec="seconds"), expect=self._seen[host.name],
                    ended=ended,
                ),
            )
            for host in self._claims.hosts
            if host.name in self._seen
        ]  # fmt: skip
        return self._claims.performer.perform(acts, _unheard)


def _busy_words(names: str) -> tuple[str, str]:
    return (
        Bilingual(f"another control node is at work on {names}", f"другой управляющий узел работает на {names}"),
        Bilingual(
            "it reaches the storage, so use that; or stop it, and try again",
            "хранилище ему доступно, работайте оттуда; или остановите его и повторите",
        ),
    )


def _claimed_words(host: str, claim: Claim) -> tuple[str, str]:
    return (
        Bilingual(
            f"{claim.who} is at work on {host} without the storage since {claim.since}: change {claim.change}",
            f"{claim.who} работает на {host} без хранилища с {claim.since}: изменение {claim.change}",
        ),
        Bilingual(
            f"ask them; if that control node is lost: --instead-of {claim.change}",
            f"спросите их; если тот управляющий узел утрачен: --instead-of {claim.change}",
        ),
    )


_ALL_MUST_ANSWER = Bilingual(
    "without the storage every host must answer; leave others out: --limit HOST,HOST",
    "без хранилища должен отвечать каждый узел; остальные исключите: --limit УЗЕЛ,УЗЕЛ",
)
_LOOK_AGAIN = Bilingual(
    "see `clmdeploy status --probe`, then run the same command again",
    "посмотрите `clmdeploy status --probe` и повторите ту же команду",
)


def _is_claimed(outcome: Outcome) -> bool:
    """A guard of an older version raises the token, but compares nothing: that is no claim."""
    return outcome.is_done and bool(outcome.result.get("claimed"))


def _unheard(key: str, outcome: Outcome) -> None:
    """Claims are not shown as they come."""
