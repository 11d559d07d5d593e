"""The steps that take servers out of the balancers' rotation and back. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from clmdeploy.changes.plan import Step, Target, TaskCall
from clmdeploy.model.facts import FleetFacts, ServerFacts
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.wish import Wish


class _Move(NamedTuple):
    """What a step brings servers to, from what it expects."""

    verb: str
    state: str
    expect: str


_DRAIN, _UNDRAIN = _Move("Drain", "drain", "ready"), _Move("Undrain", "ready", "drain")
_FENCE, _UNFENCE = _Move("Take out", "maint", "ready"), _Move("Put back", "ready", "maint")
SERVING = ("UP", "no check")  # haproxy's words for a server that gets requests


def drainable(fleet: FleetFacts, hosts: Collection[str]) -> list[ServerFacts]:
    """Servers to drain: in rotation now, and not the last of their backend: draining all would be the outage itself."""
    ready = [one for one in fleet.servers if one.state == "ready"]
    staying = {
        (one.balancer, one.backend) for one in ready if one.server not in hosts and one.status.startswith(SERVING)
    }
    return [one for one in ready if one.server in hosts and (one.balancer, one.backend) in staying]


def in_rotation(fleet: FleetFacts, servers: Sequence[ServerFacts]) -> FleetFacts:
    """The fleet as it will be once these servers have been put back."""
    names, back = {one.name for one in servers}, {"state": "ready", "status": SERVING[0]}
    found = tuple(one.model_copy(update=back) if one.name in names else one for one in fleet.servers)
    return fleet.model_copy(update={"servers": found})


def balance_steps(wish: Wish, batch: str, servers: Sequence[ServerFacts], state: str) -> Iterator[Step]:
    """Bring the batch's servers to `state`, "drain" or "ready"; more than one step only where backends share hosts."""
    for number, some in enumerate(_rounds(servers), start=1):
        yield _balance_step(wish, batch, number, some, _DRAIN if state == "drain" else _UNDRAIN)


def fence_steps(wish: Wish, batch: str, servers: Sequence[ServerFacts], state: str) -> Iterator[Step]:
    """Take all servers out at once, without waiting for sessions: "maint"; or put them back: "ready"."""
    for number, some in enumerate(_rounds(servers), start=1):
        yield _balance_step(wish, batch, number, some, _FENCE if state == "maint" else _UNFENCE)


def _rounds(servers: Sequence[ServerFacts]) -> list[list[ServerFacts]]:
    """A step knows a host once at each balancer: its servers in further backends come in further rounds."""
    rounds: list[list[ServerFacts]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for one in servers:
        before = seen[one.balancer, one.server]
        if before == len(rounds):
            rounds.append([])
        rounds[before].append(one)
        seen[one.balancer, one.server] += 1
    return rounds


def _balance_step(wish: Wish, batch: str, number: int, servers: Sequence[ServerFacts], move: _Move) -> Step:
    balancer = wish.settings.balancer
    assert balancer is not None  # noqa: S101  # servers come from it
    arguments: dict[str, JsonValue] = {
        "socket": balancer.socket, "state": move.state, "expect": move.expect, "limit": balancer.drain_limit,
    }  # fmt: skip
    if move is _FENCE:
        arguments["cut"] = True
    name = f"{batch}-{move.verb.lower().replace(' ', '-')}" + (f"-{number}" if number > 1 else "")
    return Step(
        id=name, stage=batch, batch=batch, undo="restore",
        timeout=balancer.drain_limit + 30,
        title=f"{move.verb} {', '.join(sorted({one.server for one in servers}))}",
        action=TaskCall(act="balance", arguments=arguments),
        targets=tuple(_server_target(one, move.expect) for one in servers),
    )  # fmt: skip


def _server_target(server: ServerFacts, expect: str) -> Target:
    arguments = {"backend": server.backend, "server": server.server}
    return Target(host=server.balancer, subject=server.server, arguments=arguments, before={"state": expect})
