"""Somebody has damaged the state bucket: what is not to be believed is named, and at night there is a way back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from clmdeploy.model.errors import ExitCode
from clmdeploy.model.value import JsonValue, canonical_json, sha256_hex
from tests.unit.cli.desk import Desk

Damage = Callable[[Desk], str]


def events(desk: Desk) -> list[str]:
    """Keys of the newest change's events."""
    return list(desk.state.keys(f"lab/changes/{desk.newest()}/events/"))


def without_events(desk: Desk) -> str:
    """All events of the newest change are gone."""
    keys = events(desk)
    for key in keys:
        del desk.state._objects[key]
    return keys[-1]


def without_its_plan(desk: Desk) -> str:
    """The newest change was never planned."""
    key = f"lab/changes/{desk.newest()}/plan"
    del desk.state._objects[key]
    return key


def with_odd_beginning(desk: Desk) -> str:
    """What the newest change is does not stand in its first event any more."""
    key = events(desk)[0]
    document = json.loads(desk.state.get(key).body)
    del document["detail"]["kind"]
    desk.state.put(key, canonical_json(document))
    return key


def forged(desk: Desk, **fields: JsonValue) -> str:
    """One more event of the newest change, well chained; the signed head does not know it yet."""
    last = events(desk)[-1]
    body = desk.state.get(last).body
    key = f"{last[:-6]}{int(last[-6:]) + 1:06d}"
    document = json.loads(body) | {"seq": int(key[-6:]), "previous": sha256_hex(body), "detail": {}} | fields
    desk.state.put(key, canonical_json(document))
    return key


def with_no_outcome(desk: Desk) -> str:
    """It was closed, somehow."""
    return forged(desk, kind="closed")


def with_an_odd_outcome(desk: Desk) -> str:
    """It was closed as nothing is ever closed."""
    return forged(desk, kind="closed", detail={"state": "weird"})


def with_an_odd_time(desk: Desk) -> str:
    """Nobody can tell before and after."""
    return forged(desk, kind="paused", at="yesterday")


def with_an_odd_token(desk: Desk) -> str:
    """A token is a number."""
    return forged(desk, kind="taken-over", detail={"token": "many"})


DAMAGES = [
    without_events, with_odd_beginning, with_no_outcome, with_an_odd_outcome, with_an_odd_time, with_an_odd_token,
]  # fmt: skip


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """A rollout that stands half-way."""
    desk.fail("switch", "app2")
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--on-failure", "stop").code == ExitCode.FAILED_PARTLY
    desk.hosts.before = lambda _act: None
    return desk


@pytest.mark.parametrize("verb", ["list", "show", "resume", "abort"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_journal_that_is_not_to_be_believed_is_refused_by_name(stopped: Desk, damage: Damage, verb: str) -> None:
    """Exit code 10 with the key of the event; nothing acts."""
    acted = len(stopped.hosts.log)
    key = damage(stopped)
    said = stopped("change", verb, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err
    assert len(stopped.hosts.log) == acted


@pytest.mark.parametrize("damage", DAMAGES)
def test_status_shows_the_hosts_and_names_the_fault(stopped: Desk, damage: Damage) -> None:
    """At once, since nothing was silent."""
    key, begun = damage(stopped), time.monotonic()
    said = stopped("status", "-e", "lab", "--probe")
    assert (said.code, "app1" in said.out, key in said.out) == (ExitCode.DONE, True, True), said.out
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("verb", ["show", "resume", "abort"])
def test_a_plan_that_is_gone_is_named(stopped: Desk, verb: str) -> None:
    """The journal announced one."""
    key = without_its_plan(stopped)
    said = stopped("change", verb, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err


def test_a_step_that_was_never_planned_is_named(stopped: Desk) -> None:
    """Nobody undoes what no plan knows."""
    key = forged(stopped, kind="undo-finished", step="format", outcomes={"app1": {"status": "failed"}})
    said = stopped("change", "abort", "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err


def test_a_change_that_the_head_knows_is_not_taken_for_unknown(stopped: Desk) -> None:
    """Asked for by its ID, with all of its events gone."""
    change = stopped.newest()
    key = without_events(stopped)
    said = stopped("change", "show", change, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err
