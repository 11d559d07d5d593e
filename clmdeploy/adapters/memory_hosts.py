"""Hosts in memory: what the guard and the acts do to a host, without hosts. For tests of the core and for dry thinking.

The contract suite (tests/contract/test_performer.py) holds this to the real guard on real hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.value import JsonValue

Fault = Callable[[Guarded], Outcome | None]


@dataclass
class MemoryHost:
    """State of one host."""

    staged: set[str] = field(default_factory=set)
    current: str | None = None
    ledger: list[str] = field(default_factory=list)
    servers: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    claim: dict[str, JsonValue] | None = None
    results: dict[str, Outcome] = field(default_factory=dict)


class MemoryHosts:
    """Implements the Performer port, with three places for faults.

    `before`: an outcome instead of the act. `verdict`: the act happened, but this came of it. `after`: it happened, but
    this is the answer that arrives.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, MemoryHost] = {}
        self.schema: dict[str, JsonValue] = {"version": 0, "dirty": False}
        self.log: list[str] = []
        self.received: list[Guarded] = []
        self.before: Fault = lambda _act: None
        self.verdict: Fault = lambda _act: None
        self.after: Fault = lambda _act: None

    def host(self, name: str) -> MemoryHost:
        return self.hosts.setdefault(name, MemoryHost())

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`."""
        outcomes = {}
        for act in acts:
            outcomes[act.key] = self._one(act)
            listen(act.key, outcomes[act.key])
        return outcomes

    def _one(self, act: Guarded) -> Outcome:
        self.received.append(act)
        injected = self.before(act)
        if injected is not None:
            return injected
        host = self.host(act.host.name)
        match act.guard:
            case "run" | "fence":
                if (refusal := _fenced(host, act)) is not None:
                    return refusal
                if act.guard == "fence":
                    return Outcome(status="done", result={"ended": [], "claimed": act.claim is not None})
                done = self._act(host, act)
                host.results[act.unit] = self.verdict(act) or done
                return self.after(act) or host.results[act.unit]
            case "probe":
                return host.results.get(act.unit, Outcome(status="unknown"))
            case "ask":
                return self._act(host, act)

    def _act(self, host: MemoryHost, act: Guarded) -> Outcome:
        subject = act.arguments.get("server") or act.host.name
        if act.guard == "run":
            self.log.append(
                f"{act.verb} {act.act} {subject}" + (f" {act.arguments['state']}" if act.act == "balance" else "")
            )
        handler: Callable[[MemoryHost, Guarded], Outcome] = getattr(self, f"_{act.act}_{act.verb}", _fine)
        return handler(host, act)

    def _tokens_ask(self, host: MemoryHost, _act: Guarded) -> Outcome:
        return Outcome(status="done", result={"tokens": dict(host.tokens), "claim": host.claim, "acting": []})

    def _stage_perform(self, host: MemoryHost, act: Guarded) -> Outcome:
        host.staged.add(act.arguments["directory"])
        return _DONE

    def _stage_restore(self, host: MemoryHost, act: Guarded) -> Outcome:
        host.staged.discard(act.arguments["directory"])
        return _DONE

    def _stage_probe(self, host: MemoryHost, act: Guarded) -> Outcome:
        return _state(act.arguments["directory"] in host.staged)

    def _switch_perform(self, host: MemoryHost, act: Guarded) -> Outcome:
        if host.current not in (act.arguments["directory"], act.arguments["expect"]):
            return Outcome(status="failed", message=f"{host.current} runs here: plan again")
        host.current, host.ledger = act.arguments["directory"], list(act.arguments["ledger"])
        return _DONE

    def _switch_restore(self, host: MemoryHost, act: Guarded) -> Outcome:
        if host.current not in (act.arguments["directory"], act.before["current"]):
            return Outcome(status="failed", message=f"{host.current} runs here: somebody else switched since")
        host.current, host.ledger = act.before["current"], list(act.before["ledger"])
        return _DONE

    def _switch_probe(self, host: MemoryHost, act: Guarded) -> Outcome:
        return _state(host.current == act.arguments["directory"])

    def _balance_perform(self, host: MemoryHost, act: Guarded) -> Outcome:
        host.servers[act.arguments["server"]] = act.arguments["state"]
        return _DONE

    def _balance_restore(self, host: MemoryHost, act: Guarded) -> Outcome:
        host.servers[act.arguments["server"]] = act.before["state"]
        return _DONE

    def _balance_probe(self, host: MemoryHost, act: Guarded) -> Outcome:
        return _state(host.servers.get(act.arguments["server"], "ready") == act.arguments["state"])

    def _migrate_perform(self, _host: MemoryHost, act: Guarded) -> Outcome:
        self.schema = {"version": act.arguments["versions"][-1], "dirty": False}
        return _DONE

    def _migrate_restore(self, _host: MemoryHost, act: Guarded) -> Outcome:
        self.schema = {"version": act.before["version"] or 0, "dirty": False}
        return _DONE

    def _migrate_probe(self, _host: MemoryHost, act: Guarded) -> Outcome:
        return _state(self.schema["version"] >= act.arguments["versions"][-1])


_DONE = Outcome(status="done")


def _fenced(host: MemoryHost, act: Guarded) -> Outcome | None:
    """What the guard says of a token; None when it was the newest, or is now."""
    newest, token, claim = host.tokens.get(act.fence.scope, 0), act.fence.token, act.claim
    own = claim is not None and host.claim is not None and host.claim["change"] == claim.change
    if token < newest or (claim is not None and not own and not token > newest == claim.expect):
        return Outcome(status="refused", message=f"stale token {token}: this host has already seen {newest}")
    if claim is not None:
        host.claim = claim.model_dump(mode="json") | {"token": token}
    elif token > newest:
        host.claim = None
    host.tokens[act.fence.scope] = token
    return None


def _fine(_host: MemoryHost, _act: Guarded) -> Outcome:
    return _DONE


def _state(done: bool) -> Outcome:
    return Outcome(status="done", result={"state": "done" if done else "not-done"})
