"""From steps to guarded acts and back: the only place that knows how an action value becomes requests to hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from clmdeploy.changes.guarded import Fence, Guarded, GuardVerb, Outcome, Verb
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.plan import EngineCall, GateCall, PlaybookCall, Step, StoreCall, Target, TaskCall
from clmdeploy.changes.ports import Performer
from clmdeploy.changes.world import World
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import JsonValue, sha256_hex

PRESIGN_MARGIN = 120  # seconds beside the step's own time limit: the address must outlive the last host's start
ASK_TIMEOUT = 60


class Dispatch:
    """Sends the acts of one change."""

    def __init__(self, world: World, ledger: Ledger, change: str, fence: Fence) -> None:
        self.world = world
        self.plan = ledger.plan
        self.change = change
        self.fence = fence
        self.given_up: set[str] = set()
        """hosts that were waited for in vain: once is enough"""
        self._ledger = ledger

    def perform(self, step: Step, targets: Iterable[Target]) -> dict[str, Outcome]:
        """Let the step act on the targets."""
        return self._send(step, targets, "perform")

    def restore(self, step: Step, targets: Iterable[Target]) -> dict[str, Outcome]:
        """Put back what stood before on the targets."""
        return self._send(step, targets, "restore")

    def ask(self, step: Step, targets: Iterable[Target]) -> dict[str, Outcome]:
        """A read-only question: a gate's."""
        acts = [self._guarded(step, target, "ask", "ask", {}) for target in targets]
        return self.world.hosts.perform(acts, lambda key, outcome: self.world.watcher.on_outcome(step, key, outcome))

    def unit_outcomes(self, step: Step, targets: Iterable[Target], verb: Verb) -> dict[str, Outcome]:
        """What the guards know of the units of an earlier act."""
        acts = [self._guarded(step, target, "probe", verb, {}) for target in targets]
        return self._performer(step).perform(acts, _unheard)

    def probe(self, step: Step, targets: Iterable[Target]) -> dict[str, Outcome]:
        """What the hosts themselves show: result `state` is done, not-done or partial."""
        acts = [self._guarded(step, target, "ask", "probe", {}) for target in targets]
        return self._performer(step).perform(acts, _unheard)

    def fence_hosts(self) -> dict[str, Outcome]:
        """Raise the token on every host of the plan and end what older ones left running."""
        names = dict.fromkeys(target.host for step in self.plan.steps for target in step.targets)
        acts = [
            Guarded(
                key=name,
                host=self._host(name),
                environment=self.plan.environment_id,
                guard="fence",
                fence=self.fence,
            )
            for name in names
        ]
        return self.world.hosts.perform(acts, _unheard)

    def _send(self, step: Step, targets: Iterable[Target], verb: Verb) -> dict[str, Outcome]:
        acts = [
            self._guarded(step, target, "run", verb, self._secrets(step, target) if verb == "perform" else {})
            for target in targets
        ]
        performer = self.world.playbooks if isinstance(step.action, PlaybookCall) else self._performer(step)
        return performer.perform(acts, lambda key, outcome: self.world.watcher.on_outcome(step, key, outcome))

    def _performer(self, step: Step) -> Performer:
        """Who answers for the step's acts. What became of a playbook's is asked of the hosts themselves."""
        match step.action:
            case EngineCall():
                return self.world.engines
            case StoreCall():
                return self.world.keeper
            case _:
                return self.world.hosts

    def _secrets(self, step: Step, target: Target) -> dict[str, Secret]:
        """For this act alone: addresses that are minted, secrets that are looked up, or derived for this host."""
        action = step.action
        named = {**action.secrets} if isinstance(action, TaskCall) else {}
        found = {name: self.world.secret(setting.replace("{host}", target.host)) for name, setting in named.items()}
        seconds = step.timeout + PRESIGN_MARGIN
        fetched = action.fetch if isinstance(action, PlaybookCall | TaskCall) else {}
        return found | {name: self.world.releases.presign(key, seconds) for name, key in fetched.items()}

    def _told(self, step: Step) -> dict[str, JsonValue]:
        """What earlier steps found, where this one is to know."""
        uses = getattr(step.action, "uses", ())
        return {"results": {name: self._ledger.results(name) for name in uses}} if uses else {}

    def _guarded(self, step: Step, target: Target, guard: GuardVerb, verb: Verb, secrets: dict[str, Secret]) -> Guarded:
        action = step.action
        return Guarded(
            key=target.key, host=self._host(target.host), environment=self.plan.environment_id, guard=guard,
            playbook=action.playbook if isinstance(action, PlaybookCall) else "",
            act=action.act, verb=verb, unit=self._unit(step, target, verb), fence=self.fence,
            timeout=ASK_TIMEOUT if guard != "run" and not isinstance(action, GateCall) else step.timeout,
            arguments={**action.arguments, **target.arguments, **self._told(step), "change": self.change},
            before=target.before, secrets=secrets,
        )  # fmt: skip

    def _host(self, name: str) -> Host:
        """As this control node reaches it; a host that has left the inventory since is still the plan's."""
        return self.world.inventory.get(name) or self.plan.host(name)

    def _unit(self, step: Step, target: Target, verb: Verb) -> str:
        """Named for the attempt too: what became of an earlier one must not be taken for this one's outcome."""
        subject = f"-{_spelled(target.subject)}" if target.subject != target.host else ""
        undoing = verb == "restore"
        attempt = self._ledger.attempts[step.id, target.key, "undoing" if undoing else "running"]
        return f"clm-{self.change}-{step.id}{subject}{'-undo' if undoing else ''}-{attempt}"


def _spelled(name: str) -> str:
    """A host's name in letters that a unit may have; two names never become one."""
    plain = re.sub(r"[^a-z0-9.-]", "-", name.lower())
    return plain if plain == name else f"{plain}-{sha256_hex(name.encode())[:6]}"


def _unheard(key: str, outcome: Outcome) -> None:
    """Probes are not shown as they come."""
