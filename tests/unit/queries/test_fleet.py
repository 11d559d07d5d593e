"""Whom a plan asks, and who may be silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.hosts import Host
from clmdeploy.queries.fleet import gather_around
from tests.unit.cli.desk import SETTINGS

GROUPS = {"app1": "app", "app2": "app", "worker1": "worker", "lb1": "lb"}
FACTS = {
    "current": None, "record": {"current": None, "ledger": [], "drained": {}}, "staged": [], "disk_free": 1,
    "inodes_free": 1, "memory": 1, "os": "debian-13", "python": "3.13.5", "clock": 0.0,
}  # fmt: skip


class Answering:
    """A Performer whose hosts answer, but for the silent ones; worker1 knows the schema."""

    def __init__(self, silent: str) -> None:
        self.silent = silent

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        outcomes = {act.key: self._one(act) for act in acts}
        for key, outcome in outcomes.items():
            listen(key, outcome)
        return outcomes

    def _one(self, act: Guarded) -> Outcome:
        if act.host.name == self.silent:
            return Outcome(status="unreachable", message="no route", acted=False)
        schema = {"schema": {"version": 3, "dirty": False}} if act.host.name == "worker1" else {}
        return Outcome(status="done", result=FACTS | schema if act.act == "facts" else {"servers": {}})


@pytest.mark.parametrize(
    ("silent", "members", "hosts", "schema"),
    [
        ("", ("app1",), {"app1": True, "app2": True, "worker1": True, "lb1": True}, 3),
        ("app2", ("app1",), {"app1": True, "worker1": True, "lb1": True}, 3),
        ("worker1", ("app1",), {"app1": True, "app2": True, "lb1": True}, None),
        ("app1", ("app1",), {"app1": False, "app2": True, "worker1": True, "lb1": True}, 3),
        ("lb1", ("app1",), {"app1": True, "app2": True, "worker1": True, "lb1": False}, 3),
        ("app2", (), {"app1": True, "app2": False, "worker1": True, "lb1": True}, 3),
    ],
)
def test_everybody_is_asked_but_only_members_and_balancers_must_answer(
    silent: str, members: tuple[str, ...], hosts: dict[str, bool], schema: int | None
) -> None:
    """A plan for app1 alone still knows the schema that all share; a silent stranger is no obstacle."""
    inventory = tuple(Host(name=name, address="192.0.2.1", groups=(group,)) for name, group in GROUPS.items())
    environment = LoadedEnvironment(Path("lab"), Environment.model_validate(SETTINGS), inventory, {})
    found = gather_around(Answering(silent), environment, {"app", "worker"}, members)
    assert {facts.host.name: facts.reachable for facts in found.hosts} == hosts
    assert (found.schema_state.version if found.schema_state else None) == schema
