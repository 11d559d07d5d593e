"""Asks the balancers whether their sockets answer and whether they know the servers of clm.yml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.model.checks import Check, Verdict
from clmdeploy.model.hosts import Host
from clmdeploy.queries.fleet import balance_asks

_REMEDY = "compare haproxy's configuration with clm.yml: balancer.socket and balancer.backends"


def balancer_checks(environment: LoadedEnvironment, performer: Performer, able: Sequence[Host]) -> Iterator[Check]:
    """One check a balancer among `able`, the hosts whose guard is installed; for the others their host checks speak."""
    asks = [ask for ask in balance_asks(environment) if ask.host in able]
    outcomes = performer.perform(asks, lambda _key, _outcome: None)
    for ask in asks:
        yield judge(ask.host.name, outcomes[ask.key], environment.name)


def judge(balancer: str, outcome: Outcome, environment: str) -> Check:
    """A server that is out of rotation is no fault of the balancer, but somebody should know before work begins."""
    if not outcome.is_done:
        return _check(balancer, "fail", outcome.message, _REMEDY)
    servers = outcome.result["servers"]
    out = [f"{name} is in {found['state']}" for name, found in sorted(servers.items()) if found["state"] != "ready"]
    if out:
        return _check(
            balancer,
            "warn",
            "; ".join(out),
            f"find out who took it out: `clmdeploy status -e {environment}` names a change of ours",
        )
    down = [name for name, found in sorted(servers.items()) if not found["status"].startswith(("UP", "no check"))]
    if down:
        finding = f"its check finds no service on {', '.join(down)}"
        return _check(
            balancer,
            "warn",
            finding,
            f"before the first deploy that is right; else: clmdeploy host logs -e {environment} {_host(down[0])}",
        )
    return _check(balancer, "ok", f"answers, and knows {len(servers)} servers")


def _host(server: str) -> str:
    """Servers bear the inventory names of their hosts."""
    return server.partition("/")[2]


def _check(balancer: str, verdict: Verdict, finding: str, remedy: str = "") -> Check:
    return Check(
        area="balancer", subject=balancer, name="socket and servers", verdict=verdict, finding=finding, remedy=remedy
    )
