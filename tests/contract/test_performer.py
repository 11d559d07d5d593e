"""The Performer port: hosts in memory and real hosts behind the guard keep the same promises."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from clmdeploy.adapters.connections import Connections
from clmdeploy.adapters.memory_hosts import MemoryHosts
from clmdeploy.adapters.setup import prepare_hosts
from clmdeploy.adapters.ssh import SshPerformer
from clmdeploy.changes.guarded import Fence, Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.loading import load
from clmdeploy.lab import Lab
from clmdeploy.model.hosts import Host

_TOKENS = itertools.count(1)


@dataclass
class Bench:
    """A performer with one host, and acts for it."""

    performer: Performer
    host: Host
    environment: str
    heard: list[str] = field(default_factory=list)

    def act(self, guard: str, unit: str = "", *, token: int = 0, act: str = "prune") -> Guarded:
        """Prune is the mildest act there is: where nothing is staged it touches nothing."""
        arguments = {
            "root": "/opt/clm",
            "keep": 5,
            "pinned": [],
            "groups": ["app"],
            "user": "clm",
            "change": "contract",
        }
        return Guarded.model_validate({
            "key": unit or guard, "host": self.host, "environment": self.environment, "guard": guard, "act": act,
            "verb": "ask" if guard == "ask" else "perform", "unit": unit, "timeout": 30,
            "fence": Fence(scope="data", token=token),
            "arguments": arguments,
        })  # fmt: skip

    def one(self, act: Guarded) -> Outcome:
        return self.performer.perform([act], lambda key, _outcome: self.heard.append(key))[act.key]


@pytest.fixture(params=["memory", "real"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The same bench on the fake and on a real host of the lab."""
    if request.param == "memory":
        yield Bench(MemoryHosts(), Host(name="app1", address="192.0.2.1"), "e")
        return
    lab: Lab = request.getfixturevalue("lab")
    loaded = load(lab.inventories, lab.environment)
    host = next(host for host in loaded.hosts if host.name == "app1")
    variables = {
        "host_setup_root": "/opt/clm", "host_setup_user": "clm", "host_setup_owns_releases": ["app1"],
        "host_setup_environment": loaded.settings.uuid,
    }  # fmt: skip
    prepare_hosts([host], loaded.known_hosts, variables, lambda _host, _outcome: None)
    connections = Connections(loaded.known_hosts)
    yield Bench(SshPerformer(connections), host, loaded.settings.uuid)
    connections.close()
    # Its leases count from one: what acts on this host after these tests is not to be refused for their tokens.
    lab.host("app1").run(("rm", "-f", "/var/lib/clmdeploy/tokens.json"))


def test_an_act_is_done_heard_and_remembered(bench: Bench) -> None:
    """The outcome comes back, the listener hears it, and a later probe of the unit finds it."""
    act = bench.act("run", f"clm-contract-{next(_TOKENS)}", token=next(_TOKENS))
    assert bench.one(act).status == "done"
    assert bench.heard == [act.key]
    assert bench.one(act.model_copy(update={"guard": "probe"})).status == "done"


def test_a_unit_that_never_ran_is_unknown(bench: Bench) -> None:
    """Nobody guesses."""
    assert bench.one(bench.act("probe", f"clm-contract-never-{next(_TOKENS)}")).status == "unknown"


def test_an_older_token_is_refused_and_leaves_nothing(bench: Bench) -> None:
    """After a newer holder has acted, an older one can't; its unit never ran."""
    old, new = next(_TOKENS), next(_TOKENS)
    assert bench.one(bench.act("run", f"clm-contract-new-{new}", token=new)).status == "done"
    refused = bench.act("run", f"clm-contract-old-{old}", token=old)
    outcome = bench.one(refused)
    assert outcome.status == "refused"
    assert "stale token" in outcome.message
    assert bench.one(refused.model_copy(update={"guard": "probe"})).status == "unknown"


def test_a_fence_shuts_older_holders_out(bench: Bench) -> None:
    """Takeover raises the token without acting."""
    old, new = next(_TOKENS), next(_TOKENS)
    assert bench.one(bench.act("fence", token=new)).status == "done"
    assert bench.one(bench.act("run", f"clm-contract-late-{old}", token=old)).status == "refused"


def test_a_question_needs_no_token(bench: Bench) -> None:
    """Reading is never fenced."""
    assert bench.one(bench.act("fence", token=next(_TOKENS))).status == "done"
    assert bench.one(bench.act("ask", act="facts")).status == "done"


def test_the_acts_of_one_host_keep_their_order(bench: Bench) -> None:
    """What is sent in one call happens one after the other."""
    acts = [bench.act("run", f"clm-contract-{number}-{next(_TOKENS)}", token=next(_TOKENS)) for number in range(3)]
    outcomes = bench.performer.perform(acts, lambda key, _outcome: bench.heard.append(key))
    assert [outcome.status for outcome in outcomes.values()] == ["done"] * 3
    assert bench.heard == [act.key for act in acts]
